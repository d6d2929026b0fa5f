"""A whole torch model as one ONNX file, with its PEER layers as ``peer.Layer`` nodes that any runtime runs.

``export(model, (tokens,), "model.onnx", dynamic_shapes=({0: "batch", 1: "sequence"},))``
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from numpy.typing import NDArray
from torch import nn
from torch.onnx.errors import OnnxExporterError

from peerspec.export.append_functions import append_functions
from peerspec.export.domain import OPSET
from peerspec.export.errors import ExportError
from peerspec.export.expert_stage import Body
from peerspec.export.layer_nodes import LayerNode
from peerspec.export.onnx_package import ModelProto, helper, onnx
from peerspec.export.stated import state_errors
from peerspec.export.table_error import table_error
from peerspec.export.tables import Tables, is_table, narrowed
from peerspec.export.write import EXTERNAL_THRESHOLD, TensorMaker, write_model
from peerspec.files.as_node import AS_NODE
from peerspec.reference import Layer, PeerError

__all__ = ["export"]


def export(
    model: nn.Module,
    args: tuple[Any, ...],
    path: str | PathLike[str],
    *,
    kwargs: Mapping[str, Any] | None = None,
    dynamic_shapes: Mapping[str, Any] | Sequence[Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    body: Body = "gather",
    tables: Tables | None = None,
    opset: int = OPSET,
    external_threshold: int = EXTERNAL_THRESHOLD,
    overwrite: bool = False,
) -> None:
    """Write ``model`` as an ONNX model of opset 18 or later, whole or not at all.

    Initializers of at least ``external_threshold`` bytes are written in chunks to an external file, named as in
    ``peerspec.export.export``, from the memory of the parameters, so export needs little memory beyond that of the
    model.

    Args:
        model: any module that contains ``PEER`` modules, in evaluation mode.
        args: positional inputs, as in ``torch.onnx.export``.
        path: the file to write.
        kwargs: keyword inputs, as in ``torch.onnx.export``.
        dynamic_shapes: the axes that may change, as in ``torch.onnx.export``; all are fixed by default.
        input_names: names of the inputs, as in ``torch.onnx.export``.
        output_names: names of the outputs, as in ``torch.onnx.export``.
        body: as in ``peerspec.export.export``.
        tables: as in ``peerspec.export.export``, for every layer of the model.
        opset: the version of ONNX's operators, 18 to the newest that the installed onnx has. Each runtime states the
            newest that it takes.
        external_threshold: 0 writes every initializer to the external file.
        overwrite: as in ``peerspec.export.export``.

    Raises:
        ExportError: ``opset`` is not one of those, the model is in training mode, on the meta device or has no PEER
            layer, a layer gets tokens of another dtype than its parameters, ``tables`` does not fit a layer, or the
            path exists or cannot be written.
        InputError: ``args`` give a layer tokens of another width (SHP-1).

    Example:
        >>> import tempfile
        >>> from peerspec.backends.torch import PEER, PeerConfig
        >>> from peerspec.export import read_layer
        >>> model = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4)).eval()
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export(model, (torch.randn(2, 8),), Path(folder, "model.onnx"), dynamic_shapes=({0: "tokens"},))
        ...     print(read_layer(Path(folder, "model.onnx")).config == model.config)
        True
    """
    newest = onnx.defs.onnx_opset_version()
    if not isinstance(opset, int) or not OPSET <= opset <= newest:
        raise ExportError(f"opset must lie in {OPSET}..{newest}, the newest of the installed onnx, got {opset!r}")
    if any(module.training for module in model.modules()):
        raise ExportError("the model is in training mode and ONNX is inference; call model.eval() first")
    if any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers())):
        raise ExportError("the model is on the meta device, where parameters have no values; load its parameters first")
    program = _program(model, args, dict(kwargs or {}), opset, dynamic_shapes, input_names, output_names)
    arrays = {name: _array(name, value) for name, value in program.graph.initializers.items()}
    made = _without_initializers(program)
    elements = {name: helper.np_dtype_to_tensor_dtype(array.dtype) for name, array in arrays.items()}
    layers = append_functions(made, elements, body=body, tables=tables)
    if tables:
        errors = {layer.name: (tables, table_error(_layer(layer, arrays), tables)) for layer in layers}
        state_errors(made, errors)
    narrow = {source for layer in layers for name, source in layer.parameters.items() if tables and is_table(name)}

    def build(make_tensor: TensorMaker) -> ModelProto:
        for name, array in arrays.items():
            parts = narrowed(name, array, tables) if tables and name in narrow else {name: array}
            made.graph.initializer.extend(make_tensor(part, rows) for part, rows in parts.items())
        return made

    write_model(build, Path(path), external_threshold=external_threshold, overwrite=overwrite)


def _program(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], opset: int, *names: Any) -> onnx_ir.Model:
    shapes, inputs, outputs = names
    before = AS_NODE.set(True)
    try:
        with warnings.catch_warnings():
            # torch 2.13 calls its own deprecated function
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            program = torch.onnx.export(
                model,
                args,
                kwargs=kwargs,
                dynamic_shapes=shapes,
                input_names=inputs,
                output_names=outputs,
                opset_version=opset,
                dynamo=True,
                verbose=False,
            )
    except OnnxExporterError as error:
        if isinstance(error.__cause__, PeerError):  # the layer's own, which says more
            raise error.__cause__ from None
        raise
    finally:
        AS_NODE.reset(before)
    assert program is not None
    return program.model


def _layer(layer_node: LayerNode, arrays: Mapping[str, NDArray[Any]]) -> Layer:
    return Layer(layer_node.config, {name: arrays[layer_node.parameters[name]] for name in layer_node.config.shapes()})


def _array(name: str, value: onnx_ir.Value) -> NDArray[Any]:
    assert value.const_value is not None, name
    return value.const_value.numpy()


def _without_initializers(program: onnx_ir.Model) -> ModelProto:
    """The model as a protobuf message, without metadata about the source files of the exporting program."""
    program.graph.initializers.clear()
    program.metadata_props.clear()
    for value in program.graph.inputs:
        value.metadata_props.clear()
    for node in program.graph.all_nodes():
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
    made = onnx_ir.to_proto(program)
    made.ir_version = helper.find_min_ir_version_for(made.opset_import, ignore_unknown=True)
    return made
