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

from peerspec.export.errors import ExportError
from peerspec.export.layer_nodes import LayerNode, find_layer
from peerspec.export.onnx_package import ModelProto, onnx
from peerspec.export.stored import read_tensor
from peerspec.export.tables import FORMATS, SCALE, inputs, is_table, widened
from peerspec.reference import Layer

__all__ = ["read_layer", "read_layer_at", "read_model", "read_parameters"]


def read_layer(path: str | PathLike[str], name: str | None = None) -> Layer:
    """The layer in a model, memory-mapped where its tables are external.

    Args:
        path: a model with one layer, or any model that holds layers as ``peer`` nodes.
        name: the name of the layer's node, where the model holds several.

    Raises:
        ExportError: not an ONNX file, no layer in it, several and no name, another version, or external data
            that are missing, truncated or outside the folder of the model.
        ConfigError, TableError: what it holds is not a layer of this specification.
    """
    model = read_model(path)
    return read_layer_at(path, model, find_layer(model, path, name))


def read_layer_at(path: str | PathLike[str], model: ModelProto, layer_node: LayerNode) -> Layer:
    """The layer at one place of the model in the file ``path``; raises as ``read_layer``.

    Tables in fewer bytes are widened in memory (ONX-10).
    """
    return Layer(
        layer_node.config, widened(read_parameters(path, model, layer_node), layer_node.config, layer_node.tables)
    )


def read_parameters(path: str | PathLike[str], model: ModelProto, layer_node: LayerNode) -> dict[str, NDArray[Any]]:
    """What the layer's node takes beside x, as it is stored, memory-mapped where it is external.

    Raises:
        ExportError: as ``read_layer``.
    """
    path = Path(path)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    if computed := [name for name, source in layer_node.parameters.items() if source not in tensors]:
        raise ExportError(
            f"{path}: the parameter {computed[0]} is no initializer of the model; export it again (ONX-6)"
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
        ExportError: a missing or unreadable file, or not an ONNX file.
    """
    path = Path(path)
    if not path.is_file():
        raise ExportError(f"{path} is not a file; pass a model written by peerspec.export")
    try:
        return onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror or error}") from None
    except Exception as error:  # the error of the protobuf library, whose class depends on its build
        raise ExportError(
            f"{path} is not an ONNX file ({error}); pass a model written by peerspec.export, whole"
        ) from None
