"""Parameters as ONNX tensors: inline, or streamed to an external file in chunks."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from peerspec.export.domain import TENSOR_TYPES
from peerspec.export.onnx_package import TensorProto

__all__ = ["external_tensor", "inline_tensor"]

_CHUNK = 1 << 22  # bytes written together, so that a table of gigabytes needs megabytes
_ALIGNMENT = 1 << 16  # what Windows asks of the offset of a memory map; other systems ask for a page


def inline_tensor(name: str, array: NDArray[Any]) -> TensorProto:
    """The tensor with its data inside."""
    tensor = _header(name, array)
    tensor.raw_data = np.ascontiguousarray(array).tobytes()
    return tensor


def external_tensor(name: str, array: NDArray[Any], file: BinaryIO, location: str) -> TensorProto:
    """Append the data to ``file``, aligned, and return the tensor that points to ``location``."""
    file.seek(-(-file.tell() // _ALIGNMENT) * _ALIGNMENT)
    tensor = _header(name, array)
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", file.tell()), ("length", array.nbytes)):
        tensor.external_data.add(key=key, value=str(value))
    rows = max(1, _CHUNK * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        file.write(np.ascontiguousarray(array[start : start + rows]).view(np.uint8).data)
    return tensor


def _header(name: str, array: NDArray[Any]) -> TensorProto:
    return TensorProto(name=name, data_type=TENSOR_TYPES[array.dtype], dims=array.shape)
