"""Reading an exported model back as a layer, with the parameters memory-mapped.

The file is not trusted: external data must lie inside the folder of the model, links resolved, at its full
length.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.export.domain import DOMAIN, TENSOR_TYPES
from peerspec.export.errors import ExportError
from peerspec.export.graph import CONFIG_KEY, SPEC_KEY
from peerspec.export.onnx_package import ModelProto, TensorProto, onnx
from peerspec.reference import SPEC_VERSION, Layer, PeerConfig

__all__ = ["read_layer", "read_model"]

_DTYPES = {code: dtype for dtype, code in TENSOR_TYPES.items()}


def read_layer(path: str | PathLike[str]) -> Layer:
    """The layer in an exported model.

    Raises:
        ExportError: not an ONNX file, not a model of this package, of another spec version, or with
        external data
            that is missing, truncated or outside the folder of the model.
        ConfigError, TableError: what it holds is not a layer of this specification.
    """
    path = Path(path)
    model = read_model(path)
    config = PeerConfig.from_json(_metadata(model)[CONFIG_KEY])
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    params = {name: _read(path, tensors[name]) for name in config.shapes() if name in tensors}
    return Layer(config, params)


def read_model(path: str | PathLike[str]) -> ModelProto:
    """The model without its external data, once it is known to be one of this package's.

    Raises:
        ExportError: as ``read_layer``.
    """
    path = Path(path)
    if not path.is_file():
        raise ExportError(f"{path} is not a file; pass a model written by peerspec.export")
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # the error of the protobuf library, whose class depends on its build
        raise ExportError(f"{path} is not an ONNX file: {error}") from None
    metadata = _metadata(model)
    if CONFIG_KEY not in metadata or SPEC_KEY not in metadata:
        raise ExportError(
            f"{path} has no {CONFIG_KEY} and {SPEC_KEY} in its metadata; pass a model written by peerspec.export"
        )
    if metadata[SPEC_KEY].split(".")[0] != SPEC_VERSION.split(".")[0]:
        raise ExportError(
            f"{path} was written for spec {metadata[SPEC_KEY]}, this package reads {SPEC_VERSION}; "
            "install a matching peerspec"
        )
    if not any(node.domain == DOMAIN for node in model.graph.node):
        raise ExportError(f"{path} holds no node of the domain {DOMAIN!r}; pass a model written by peerspec.export")
    return model


def _metadata(model: ModelProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}


def _read(path: Path, tensor: TensorProto) -> NDArray[Any]:
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
