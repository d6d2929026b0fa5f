"""The backend with the kernels of ``peerspec.export.ort``: ``peerspec check peerspec.backends.onnxruntime.native``.

The first import compiles the kernels, which takes a C++ compiler, the headers of ONNX Runtime and half a minute. Unlike
the operators of ONNX Runtime, they have the exact gelu in float64.
"""

from peerspec.backends.onnxruntime.backend import OrtBackend
from peerspec.export import ort

__all__ = ["forward", "name", "profiles", "select", "supports"]

ort.build()

name = "onnxruntime-native"
_native = OrtBackend(name, kernels=True)
profiles, supports, forward, select = _native.profiles, _native.supports, _native.forward, _native.select
