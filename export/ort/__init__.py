"""Kernels for ONNX Runtime: a library that runs ``peer`` nodes on the native core, on the session's own threads.

``register`` loads it into session options; without it, ONNX Runtime runs the functions' bodies. A layer runs as one
kernel, those beyond eight kinds of layers in one model as the kernels of their stages. It serves ONNX Runtime 1.17 and
newer on the CPU. ``build`` compiles it once and keeps it in the user's cache, named after a digest of its sources; C++
and other programs load the same file with ``RegisterCustomOpsLibrary``.
"""

from peerspec.export.ort.build import build, cached
from peerspec.export.ort.errors import KernelError
from peerspec.export.ort.register import register

__all__ = ["KernelError", "build", "cached", "register"]
