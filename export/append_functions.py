"""Complete a model with bare ``peer.Layer`` nodes: name each node after its function and append the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from peerspec.export.domain import DOMAIN, DOMAIN_VERSION, TENSOR_TYPES
from peerspec.export.errors import ExportError
from peerspec.export.expert_stage import Body
from peerspec.export.functions import Kind, layer_functions, layer_names
from peerspec.export.layer_nodes import LayerNode, layer_nodes
from peerspec.export.names import LAYER_NODE, SPEC_KEY
from peerspec.export.onnx_package import FunctionProto, ModelProto, helper
from peerspec.export.tables import SCALE, Tables, check_tables, inputs
from peerspec.reference import SPEC_VERSION

__all__ = ["append_functions"]

_DTYPES = {code: dtype for dtype, code in TENSOR_TYPES.items()}


def append_functions(
    model: ModelProto, elements: Mapping[str, int], *, body: Body = "gather", tables: Tables | None = None
) -> list[LayerNode]:
    """Complete, in place, a model of opset 18 or later whose layers are bare ``peer.Layer`` nodes.

    The functions import the opset of the model. A node gets the name of its parameters: the layer of
    ``blocks.1.mlp.keys`` becomes ``blocks.1.mlp``.

    Args:
        model: the model.
        elements: the ONNX element type of each initializer, by name.
        body: as in ``peerspec.export.export``.
        tables: the format in which the caller stores tables, with the factors of int8 tables beside them (ONX-10).

    Returns:
        The layers.

    Raises:
        ExportError: the model has no such node, parameters of a layer are not initializers of the model, a layer gets
            tokens of another dtype than its parameters, or ``tables`` is given and a layer is not float32.
    """
    nodes = layer_nodes(model, "the model")
    if not nodes:
        raise ExportError("the model holds no PEER layer; export a model with a peerspec.backends.torch.PEER in it")
    kinds = [Kind(layer_node.config, _dtype(layer_node, elements), tables) for layer_node in nodes]
    given = _element_types(model) | dict(elements)
    for layer_node, kind in zip(nodes, kinds, strict=True):
        _check_tokens(layer_node, kind.dtype, given)
        check_tables(kind.dtype, tables)
    names = layer_names(kinds)
    for layer_node, kind in zip(nodes, kinds, strict=True):
        assert layer_node.node is not None
        layer_node.node.op_type = names[kind]
        layer_node.node.name = _name(layer_node)
        del layer_node.node.input[1:]
        layer_node.node.input.extend(_source(layer_node, name) for name in inputs(kind.config, tables))
    model.functions.extend(_with_opset(_opset(model), layer_functions(kinds, body=body)))
    if DOMAIN not in {entry.domain for entry in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
    helper.set_model_props(model, {entry.key: entry.value for entry in model.metadata_props} | {SPEC_KEY: SPEC_VERSION})
    return layer_nodes(model, "the model")


def _opset(model: ModelProto) -> int:
    return next(int(entry.version) for entry in model.opset_import if not entry.domain)


def _with_opset(opset: int, functions: Sequence[FunctionProto]) -> Sequence[FunctionProto]:
    """The functions with another version of the default domain: later ones keep what their operators do (ONX-1)."""
    for entry in (entry for function in functions for entry in function.opset_import if not entry.domain):
        entry.version = opset
    return functions


def _name(layer_node: LayerNode) -> str:
    return layer_node.parameters["keys"].removesuffix("keys").rstrip(".") or LAYER_NODE


def _element_types(model: ModelProto) -> dict[str, int]:
    """The ONNX element type of each input and each intermediate tensor, by name."""
    values = (*model.graph.input, *model.graph.value_info)
    return {value.name: value.type.tensor_type.elem_type for value in values}


def _check_tokens(layer_node: LayerNode, dtype: np.dtype, given: Mapping[str, int]) -> None:
    assert layer_node.node is not None
    tokens = given.get(layer_node.node.input[0], expected := TENSOR_TYPES[dtype])
    if tokens != expected:
        got = _DTYPES.get(tokens, helper.tensor_dtype_to_string(tokens))
        raise ExportError(
            f"the layer {_name(layer_node)!r} must get tokens of the dtype of its parameters, {dtype}, got {got}; "
            "convert the tokens, or the parameters of the layer, before the export (ONX-11)"
        )


def _source(layer_node: LayerNode, name: str) -> str:
    table = name.removesuffix(SCALE)
    return layer_node.parameters[table] + name[len(table) :]


def _dtype(layer_node: LayerNode, elements: Mapping[str, int]) -> np.dtype:
    for name, source in layer_node.parameters.items():
        if elements.get(source) not in _DTYPES:
            raise ExportError(
                f"the parameter {name} of a layer is not an initializer of float64, float32, bfloat16 or float16; "
                "export the model with its parameters as they are (ONX-11)"
            )
    return _DTYPES[elements[layer_node.parameters["keys"]]]
