"""The stored data of a parameter: inline, or in an external file inside the folder of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.export.domain import TENSOR_TYPES
from peerspec.export.errors import ExportError
from peerspec.export.onnx_package import TensorProto

__all__ = ["read_tensor"]

_DTYPES = {code: dtype for dtype, code in TENSOR_TYPES.items()}


def read_tensor(path: Path, tensor: TensorProto) -> NDArray[Any]:
    """The data of a tensor of the model in ``path``: a read-only memory map where they are external.

    Raises:
        ExportError: another element type, or data that do not fit, are missing, truncated or outside.
    """
    if tensor.data_type not in _DTYPES:
        raise ExportError(f"{path}: {tensor.name} has ONNX element type {tensor.data_type}, which no layer has (PAR-2)")
    if tensor.data_location == TensorProto.EXTERNAL:
        return _map(path, tensor)
    try:
        return np.frombuffer(tensor.raw_data, _DTYPES[tensor.data_type]).reshape(tuple(tensor.dims))
    except ValueError as error:
        raise ExportError(f"{path}: the data of {tensor.name} do not fit its shape: {error}") from None


def _map(path: Path, tensor: TensorProto) -> NDArray[Any]:
    entries = {entry.key: entry.value for entry in tensor.external_data}
    shape, dtype = tuple(tensor.dims), _DTYPES[tensor.data_type]
    file = _inside(path, tensor.name, entries.get("location", ""))
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
    except ValueError:
        raise ExportError(f"{path}: offset and length of {tensor.name} must be whole numbers") from None
    if length != size or size <= 0:
        raise ExportError(f"{path}: {tensor.name} of shape {shape} takes {size} bytes, its entry says {length}")
    if offset < 0 or offset + size > file.stat().st_size:
        raise ExportError(
            f"{file} is truncated: {tensor.name} should end at byte {offset + size}, "
            f"the file has {file.stat().st_size}; copy or export it again"
        )
    raw = np.memmap(file, np.uint8, "r", offset, (size,))
    return raw.view(dtype).reshape(shape).view(np.ndarray)


def _inside(path: Path, name: str, location: str) -> Path:
    folder = path.parent.resolve()
    file = (folder / location).resolve()
    if not location or Path(location).is_absolute() or not file.is_relative_to(folder):
        raise ExportError(
            f"{path}: the external data of {name} lie at {location!r}, outside the folder of the model, "
            "which is refused; export the layer again"
        )
    if not file.is_file():
        raise ExportError(f"{path}: the external data of {name} lie in {file.name}, which is missing; copy it too")
    return file
