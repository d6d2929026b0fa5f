"""Kernels for ONNX Runtime: a library that runs ``peer`` nodes on the native core, on the session's own threads.

``register`` loads the library into session options; without it, ONNX Runtime runs the bodies of the functions. Each
layer runs as one kernel; if a model has more than eight kinds of layers, the others run as the kernels of their stages.
The library needs ONNX Runtime 1.17 or newer, on the CPU. ``build`` compiles it once into the cache of the user, under a
digest of its sources. C++ and other programs load the same file with ``RegisterCustomOpsLibrary``.
"""

from peerspec.export.ort.build import build, cached
from peerspec.export.ort.errors import KernelError
from peerspec.export.ort.register import register

__all__ = ["KernelError", "build", "cached", "register"]
