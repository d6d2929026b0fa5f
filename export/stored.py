"""The data of a stored parameter: inline, or in an external file inside the folder of the model."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.export.digest import require_digest
from peerspec.export.domain import TENSOR_TYPES
from peerspec.export.errors import ExportError
from peerspec.export.names import DIGEST_KEY
from peerspec.export.onnx_package import ModelProto, TensorProto, helper
from peerspec.files.strict_json import parse_json

__all__ = ["check_external", "read_tensor"]

_DTYPES = {code: dtype for dtype, code in TENSOR_TYPES.items()} | {int(TensorProto.INT8): np.dtype(np.int8)}


def read_tensor(path: Path, tensor: TensorProto) -> NDArray[Any]:
    """The data of a tensor of the model at ``path``; a read-only memory map if they are external.

    Raises:
        ExportError: the element type is not one of a layer, or the data do not fit the shape, are missing, truncated or
            outside the folder of the model.
    """
    if tensor.data_type not in _DTYPES:
        raise ExportError(f"{path}: {tensor.name} has ONNX element type {tensor.data_type}, which no layer has (PAR-5)")
    dtype, shape = _DTYPES[tensor.data_type], tuple(tensor.dims)
    try:
        if tensor.data_location == TensorProto.EXTERNAL:
            file, offset, size = _locate(path, tensor)
            return np.memmap(file, np.uint8, "r", offset, (size,)).view(dtype).reshape(shape).view(np.ndarray)
        return np.frombuffer(tensor.raw_data, dtype).reshape(shape)
    except ValueError as error:
        raise ExportError(f"{path}: the data of {tensor.name} do not fit its shape: {error}") from None


def check_external(path: Path, model: ModelProto, *, timeout: float = math.inf) -> None:
    """Check the external files of every initializer: present, long enough, and with the digest in the metadata.

    A file is read only where the metadata state its digest, for at most ``timeout`` seconds altogether.

    Raises:
        ExportError: one of them is not (ONX-8), or it takes too long.
    """
    text = {entry.key: entry.value for entry in model.metadata_props}.get(DIGEST_KEY, "{}")
    try:
        digests = dict(parse_json(text))
    except (ValueError, TypeError):
        raise ExportError(f"{path}: {DIGEST_KEY} must be a JSON object of file names, got {text[:60]!r}") from None
    external = [tensor for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    files = {_locate(path, tensor)[0] for tensor in external}
    deadline = time.monotonic() + timeout
    for file in files:
        if file.name in digests:
            require_digest(file, digests[file.name], deadline=deadline, limit=timeout)


def _locate(path: Path, tensor: TensorProto) -> tuple[Path, int, int]:
    """File, offset and length of the data of an external tensor, checked against the file."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    file = _external_file(path, tensor.name, entries.get("location", ""))
    try:
        size = math.prod(tensor.dims) * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except KeyError:
        raise ExportError(f"{path}: {tensor.name} has the unknown ONNX element type {tensor.data_type}") from None
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size))
    except ValueError:
        raise ExportError(f"{path}: offset and length of {tensor.name} must be whole numbers") from None
    if length != size or size <= 0:
        raise ExportError(
            f"{path}: {tensor.name} of shape {tuple(tensor.dims)} takes {size} bytes, its entry says {length}"
        )
    if offset < 0 or offset + size > file.stat().st_size:
        raise ExportError(
            f"{file} is truncated: {tensor.name} should end at byte {offset + size}, "
            f"the file has {file.stat().st_size}; copy or export it again"
        )
    return file, offset, size


def _external_file(path: Path, name: str, location: str) -> Path:
    """The file at ``location``, which must lie inside the folder of the model."""
    folder = Path(os.path.realpath(path.parent))
    known = bool(location) and "\0" not in location and not Path(location).is_absolute()
    file = Path(os.path.realpath(folder / location)) if known else folder
    if not known or not file.is_relative_to(folder):
        raise ExportError(
            f"{path}: the external data of {name} lie at {location!r}, outside the folder of the model, "
            "and are not read; export the layer again"
        )
    if not os.path.isfile(file):  # the method of a path raises for names that are too long
        raise ExportError(f"{path}: the external data of {name} lie in {file.name}, which is missing; copy it too")
    return file
