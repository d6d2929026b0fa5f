"""The graph of a layer: from tokens to y and the routing, with parameters under the names of SPEC.md.

The graph is one ``peer.Layer`` node. An ONNX input has a fixed rank, so export chooses and names the leading axes. Any
sizes fit them, zero included.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peerspec.export.domain import (
    DOMAIN,
    DOMAIN_VERSION,
    IR_VERSION,
    OPSET,
    TENSOR_TYPES,
    compute_dtype,
)
from peerspec.export.errors import ExportError
from peerspec.export.expert_stage import Body
from peerspec.export.functions import Kind, layer_functions
from peerspec.export.names import CONFIG_KEY, LAYER_NAMES, LAYER_NODE, OUTPUTS, SPEC_KEY
from peerspec.export.onnx_package import (
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    inliner,
)
from peerspec.export.tables import FORMATS, Tables, inputs, is_table
from peerspec.reference import SPEC_VERSION, PeerConfig, parameter_dtype

__all__ = [
    "assemble",
    "extracted_model",
    "layer_model",
    "model_with_parameter_inputs",
    "selection_model",
]


def layer_model(
    config: PeerConfig,
    dtype: np.dtype,
    *,
    leading: Sequence[str],
    routing: bool = True,
    body: Body = "gather",
    inline: bool = False,
    tables: Tables | None = None,
) -> ModelProto:
    """The model without its parameters; add these under their names, as initializers or inputs.

    Args:
        config: the configuration.
        dtype: the dtype of x, y and the learned parameters.
        leading: a name for each leading axis of x.
        routing: whether scores, indices and gates [..., h, k] are outputs beside y.
        body: how a model without kernels reads the rows of experts.
        inline: whether to write standard operators instead of functions.
        tables: the format of the tables of a float32 layer, or None to store them as they are (ONX-10).

    Raises:
        ExportError: the names of the axes are not distinct identifiers.
    """
    _check_leading(leading)
    given, kind = ["x", *inputs(config, tables)], LAYER_NAMES[tables]
    node = helper.make_node(kind, given, OUTPUTS, LAYER_NODE, domain=DOMAIN, config=config.to_json())
    outputs = _outputs(config, dtype, leading)
    graph = helper.make_graph([node], "peer", [_tokens(config, dtype, leading)], outputs if routing else outputs[:1])
    model = assemble(graph, layer_functions([Kind(config, dtype, tables)], body=body))
    if inline:
        model = inliner.inline_local_functions(model)
    helper.set_model_props(model, {SPEC_KEY: SPEC_VERSION, CONFIG_KEY: config.to_json()})
    return model


def model_with_parameter_inputs(
    config: PeerConfig, dtype: np.dtype, *, body: Body = "gather", inline: bool = False
) -> ModelProto:
    """The model for tokens [T, D] with parameters as inputs. One session then runs every layer of the kind."""
    model = layer_model(config, dtype, leading=("tokens",), body=body, inline=inline)
    model.graph.input.extend(_parameters(config, dtype))
    return model


def extracted_model(
    model: ModelProto, node: NodeProto, config: PeerConfig, dtype: np.dtype, *, tables: Tables | None = None
) -> ModelProto:
    """One layer of a larger model, with its node and functions; otherwise as ``model_with_parameter_inputs``."""
    x, *parameters = [_tokens(config, dtype, ["tokens"]), *_parameters(config, dtype, tables)]
    own = NodeProto()
    own.CopyFrom(node)
    own.input[:] = ["x", *inputs(config, tables)]
    own.output[:] = OUTPUTS
    graph = helper.make_graph([own], "layer", [x, *parameters], _outputs(config, dtype, ["tokens"]))
    extracted = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=graph)
    extracted.functions.extend(function for function in model.functions if function.domain == DOMAIN)
    return extracted


def selection_model(selector: FunctionProto, dtype: np.dtype, n: int, k: int) -> ModelProto:
    """The selection alone: from half scores ``s1``, ``s2`` [rows, n] to ``scores`` and ``indices`` [rows, k]."""
    kind = TENSOR_TYPES[dtype]
    node = helper.make_node(selector.name, ["s1", "s2"], ["scores", "indices"], domain=DOMAIN, k=k)
    halves = [helper.make_tensor_value_info(name, kind, ["rows", n]) for name in node.input]
    outputs = [
        helper.make_tensor_value_info(name, element, ["rows", k])
        for name, element in zip(node.output, (kind, TensorProto.INT64), strict=True)
    ]
    return assemble(helper.make_graph([node], "select", halves, outputs), [selector])


def assemble(graph: GraphProto, functions: Sequence[FunctionProto]) -> ModelProto:
    """A model with the versions of ``domain``."""
    return helper.make_model(
        graph,
        functions=list(functions),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)],
        ir_version=IR_VERSION,
        producer_name="peerspec",
    )


def _tokens(config: PeerConfig, dtype: np.dtype, leading: Sequence[str]) -> ValueInfoProto:
    return helper.make_tensor_value_info("x", TENSOR_TYPES[dtype], [*leading, config.d_model])


def _parameters(config: PeerConfig, dtype: np.dtype, tables: Tables | None = None) -> list[ValueInfoProto]:
    narrow = helper.np_dtype_to_tensor_dtype(FORMATS[tables]) if tables else TENSOR_TYPES[dtype]

    def element(name: str) -> int:
        is_narrow = name in config.shapes() and is_table(name)
        return narrow if is_narrow else TENSOR_TYPES[parameter_dtype(name, dtype)]

    return [helper.make_tensor_value_info(name, element(name), shape) for name, shape in inputs(config, tables).items()]


def _outputs(config: PeerConfig, dtype: np.dtype, leading: Sequence[str]) -> list[ValueInfoProto]:
    stored, computed = TENSOR_TYPES[dtype], TENSOR_TYPES[compute_dtype(dtype)]
    lead: list[str | int] = [*leading]
    pairs = [*lead, config.heads, config.top_k]
    return [
        helper.make_tensor_value_info("y", stored, [*lead, config.d_out]),
        helper.make_tensor_value_info("scores", computed, pairs),
        helper.make_tensor_value_info("indices", TensorProto.INT64, pairs),
        helper.make_tensor_value_info("gates", computed, pairs),
    ]


def _check_leading(leading: Sequence[str]) -> None:
    if isinstance(leading, str) or not all(isinstance(axis, str) for axis in leading):
        raise ExportError(f"leading axes must be a tuple of names such as ('batch', 'sequence'), got {leading!r}")
    if bad := [axis for axis in leading if not (axis.isidentifier() and axis.isascii()) or axis == "T"]:
        raise ExportError(f"the leading axis {bad[0]!r} must be a name of letters, digits and _ other than 'T'")
    if len(set(leading)) != len(leading):
        raise ExportError(f"leading axes must have distinct names, got {tuple(leading)}")
