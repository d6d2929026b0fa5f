"""Parameters as ONNX tensors: inline, or written to an external file in chunks."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

import numpy as np

from peerspec.export.onnx_package import TensorProto, helper
from peerspec.export.tables import Rows

__all__ = ["ExternalFile", "inline_tensor"]

_CHUNK = 1 << 22  # bytes written at once, so that a table of gigabytes needs megabytes
_ALIGNMENT = 1 << 16  # the alignment of a memory map on Windows; a multiple of the page of other systems


def inline_tensor(name: str, array: Rows) -> TensorProto:
    """The tensor with its data inside the message."""
    tensor = _header(name, array)
    tensor.raw_data = np.ascontiguousarray(array[...]).tobytes()
    return tensor


class ExternalFile:
    """The file of a model's external data, and its digest.

    Args:
        file: an empty file, open for writing.
        location: the final name of the file, beside the model.
    """

    def __init__(self, file: BinaryIO, location: str) -> None:
        self.location = location
        self.size = 0
        self._file = file
        self._hash = hashlib.sha256()

    def append(self, name: str, array: Rows) -> TensorProto:
        """Write the data, aligned, and return the tensor that refers to them."""
        self._write(bytes(-self.size % _ALIGNMENT))
        tensor = _header(name, array)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", self.location), ("offset", self.size), ("length", array.nbytes)):
            tensor.external_data.add(key=key, value=str(value))
        rows = array if array.shape else array[...].reshape(1)
        chunk = max(1, _CHUNK * len(rows) // max(1, array.nbytes))
        for start in range(0, len(rows), chunk):
            self._write(np.ascontiguousarray(rows[start : start + chunk]).view(np.uint8).data)
        return tensor

    @property
    def sha256(self) -> str:
        """The SHA-256 of the written data, in hexadecimal."""
        return self._hash.hexdigest()

    def _write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data) if isinstance(data, bytes) else data.nbytes


def _header(name: str, array: Rows) -> TensorProto:
    return TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
