"""Read a layer from an exported model, with memory-mapped parameters.

The file is not trusted: external data must lie, with links resolved, inside the folder of the model, at full length.
"""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.export.errors import ExportError
from peerspec.export.layer_nodes import LayerNode, find_layer
from peerspec.export.onnx_package import ModelProto, onnx
from peerspec.export.stored import read_tensor
from peerspec.export.tables import FORMATS, SCALE, inputs, is_table, widened
from peerspec.export.texts import broken_text
from peerspec.reference import Layer

__all__ = ["read_layer", "read_layer_at", "read_model", "read_parameters"]

_LIMIT = (1 << 31) - 1  # bytes of one message of protobuf


def read_layer(path: str | PathLike[str], name: str | None = None) -> Layer:
    """The layer in a model; external tables are memory-mapped.

    Args:
        path: a model with one layer, or any model that holds layers as ``peer`` nodes.
        name: the name of the layer's node, needed if the model holds several layers.

    Raises:
        ExportError: the file is not an ONNX file, holds no layer, or several and no ``name`` is given, has another
            version, or its external data are missing, truncated or outside the folder of the model.
        ConfigError, TableError: the file does not hold a valid layer.

    Example:
        >>> read_layer("model.onnx").config.num_experts
        9
    """
    model = read_model(path)
    try:
        return read_layer_at(path, model, find_layer(model, path, name))
    except (ExportError, OSError):
        if read_model(path).SerializeToString() == model.SerializeToString():
            raise
    return read_layer(path, name)  # an export replaced both files between the reading of the one and of the other


def read_layer_at(path: str | PathLike[str], model: ModelProto, layer_node: LayerNode) -> Layer:
    """The layer of one node of the model in the file ``path``; raises as ``read_layer``.

    Tables in fewer bytes are widened in memory (ONX-10).
    """
    return Layer(
        layer_node.config, widened(read_parameters(path, model, layer_node), layer_node.config, layer_node.tables)
    )


def read_parameters(path: str | PathLike[str], model: ModelProto, layer_node: LayerNode) -> dict[str, NDArray[Any]]:
    """The inputs of the layer's node other than x, as they are stored; external ones are memory-mapped.

    Raises:
        ExportError: as ``read_layer``.
    """
    path = Path(path)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    if missing := [name for name, source in layer_node.parameters.items() if source not in tensors]:
        raise ExportError(
            f"{path}: the parameter {missing[0]} is not an initializer of the model; export it again (ONX-11)"
        )
    params = {name: read_tensor(path, tensors[source]) for name, source in layer_node.parameters.items()}
    for name, shape in inputs(layer_node.config, layer_node.tables).items():
        stored, narrow = params[name], layer_node.tables is not None and is_table(name) and not name.endswith(SCALE)
        wanted = FORMATS[str(layer_node.tables)] if narrow else np.dtype(np.float32)
        if layer_node.tables and (stored.shape, stored.dtype) != (shape, wanted):
            raise ExportError(
                f"{path}: {name} of a layer with {layer_node.tables} tables must be {wanted} {list(shape)}, "
                f"got {stored.dtype} {list(stored.shape)}; export it again (ONX-10)"
            )
    return params


def read_model(path: str | PathLike[str]) -> ModelProto:
    """The model without its external data.

    Raises:
        ExportError: the file is missing, unreadable, or not an ONNX file.
    """
    path = Path(path)
    if not os.path.isfile(path):  # the method of a path raises for names that are too long
        raise ExportError(f"{path} is not a file; pass a model written by peerspec.export")
    try:
        if (size := path.stat().st_size) <= _LIMIT:
            return _with_texts(path, onnx.load(path, load_external_data=False))
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror or error}") from None
    except ExportError:
        raise
    except Exception as error:  # the class of protobuf's error depends on its build
        raise ExportError(
            f"{path} is not an ONNX file ({error or type(error).__name__}); pass a complete model written by "
            "peerspec.export"
        ) from None
    raise ExportError(
        f"{path} has {size} bytes, an ONNX file at most {_LIMIT}; pass the model, not the file of its tables"
    )


def _with_texts(path: Path, model: ModelProto) -> ModelProto:
    if (text := broken_text(model)) is not None:
        raise ExportError(
            f"{path} holds the text {text[:60]!r}, which is not UTF-8; pass a model that ONNX tools can read"
        )
    return model
