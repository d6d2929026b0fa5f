"""Any model with ``peer.Layer`` nodes: each node named after its function, the functions appended."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from peerspec.export.domain import DOMAIN, DOMAIN_VERSION, TENSOR_TYPES
from peerspec.export.errors import ExportError
from peerspec.export.expert_stage import Body
from peerspec.export.functions import Kind, layer_functions, layer_names
from peerspec.export.graph import LAYER_NODE, SPEC_KEY
from peerspec.export.layer_nodes import LayerNode, layer_nodes
from peerspec.export.onnx_package import ModelProto, helper
from peerspec.export.tables import SCALE, Tables, check_tables, inputs
from peerspec.reference import SPEC_VERSION

__all__ = ["append_functions"]

_DTYPES = {code: dtype for dtype, code in TENSOR_TYPES.items()}


def append_functions(
    model: ModelProto, elements: Mapping[str, int], *, body: Body = "gather", tables: Tables | None = None
) -> list[LayerNode]:
    """Complete, in place, a model whose layers are bare ``peer.Layer`` nodes of opset 18.

    ``elements`` is the ONNX element type of each initializer, by name. With ``tables``, nodes take their tables in
    fewer bytes and the factors beside them, which the caller stores so (ONX-10).

    Nodes are renamed after their parameters: the layer of ``blocks.1.mlp.keys`` becomes ``blocks.1.mlp``.

    Returns:
        The layers.

    Raises:
        ExportError: no such node, or one whose parameters are no initializers of the model or no float32 where that is
            needed.
    """
    nodes = layer_nodes(model, "the model")
    if not nodes:
        raise ExportError("the model holds no PEER layer; export a model with a peerspec.backends.torch.PEER in it")
    kinds = [Kind(layer_node.config, _dtype(layer_node, elements), tables) for layer_node in nodes]
    for kind in kinds:
        check_tables(kind.dtype, tables)
    names = layer_names(kinds)
    for layer_node, kind in zip(nodes, kinds, strict=True):
        assert layer_node.node is not None
        layer_node.node.op_type = names[kind]
        layer_node.node.name = layer_node.parameters["keys"].removesuffix("keys").rstrip(".") or LAYER_NODE
        del layer_node.node.input[1:]
        layer_node.node.input.extend(_source(layer_node, name) for name in inputs(kind.config, tables))
    model.functions.extend(layer_functions(kinds, body=body))
    if DOMAIN not in {entry.domain for entry in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(DOMAIN, DOMAIN_VERSION))
    helper.set_model_props(model, {entry.key: entry.value for entry in model.metadata_props} | {SPEC_KEY: SPEC_VERSION})
    return layer_nodes(model, "the model")


def _source(layer_node: LayerNode, name: str) -> str:
    table = name.removesuffix(SCALE)
    return layer_node.parameters[table] + name[len(table) :]


def _dtype(layer_node: LayerNode, elements: Mapping[str, int]) -> np.dtype:
    for name, source in layer_node.parameters.items():
        if elements.get(source) not in _DTYPES:
            raise ExportError(
                f"the parameter {name} of a layer is no initializer of float64, float32, bfloat16 or float16; "
                "export the model with its parameters as they are (ONX-6)"
            )
    return _DTYPES[elements[layer_node.parameters["keys"]]]
