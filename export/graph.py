"""The graph of a layer: tokens in, y and the trace out, parameters under the names of SPEC.md.

An ONNX input has a fixed rank, so the leading axes are chosen at export and named; any sizes fit them, zero
included. Inside, tokens are flattened to [T, D], so the same statements serve every choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peerspec.export import stages
from peerspec.export.domain import (
    DOMAIN,
    DOMAIN_VERSION,
    IR_VERSION,
    OPSET,
    TENSOR_TYPES,
    compute_dtype,
    identifier,
    text_type,
)
from peerspec.export.errors import ExportError
from peerspec.export.expert_mix import expert_mix, expert_mix_name
from peerspec.export.onnx_package import FunctionProto, GraphProto, ModelProto, helper, parser
from peerspec.export.product_key_top_k import product_key_top_k
from peerspec.reference import SPEC_VERSION, PeerConfig

__all__ = ["CONFIG_KEY", "SPEC_KEY", "assemble", "layer_functions", "layer_graph"]

SPEC_KEY = "peerspec.spec"
CONFIG_KEY = "peerspec.config"


def layer_graph(config: PeerConfig, dtype: np.dtype, *, leading: Sequence[str], trace: bool) -> GraphProto:
    """The graph without its parameters, which it reads by name: add them as initializers or as inputs.

    Args:
        config: the configuration.
        dtype: the dtype of x, y and the parameters.
        leading: a name for each leading axis of x.
        trace: whether scores, indices and gates [..., h, k] are outputs beside y.

    Raises:
        ExportError: names of axes that are not distinct identifiers.
    """
    _check_leading(leading)
    lead = "".join(f"{axis}," for axis in leading)
    stored, inner = text_type(dtype), text_type(compute_dtype(dtype))
    picked = f"{config.heads},{config.top_k}"
    outputs = [f"{stored}[{lead}{config.d_out}] y"]
    if trace:
        outputs += [f"{inner}[{lead}{picked}] scores", f"int64[{lead}{picked}] indices"]
        outputs += [f"{inner}[{lead}{picked}] gates"]
    # shapes are lost through the call of a function, so the values that leave one are declared
    values = f"{inner}[T,{picked}] top_scores, int64[T,{picked}] top_ids, {inner}[T,{config.d_out}] mixed"
    statements = _enter(config, dtype) + _stages(config) + _leave(config, dtype, trace)
    graph = parser.parse_graph(
        f"peer ({stored}[{lead}{config.d_model}] x) => ({', '.join(outputs)}) <{values}> {{{statements}}}"
    )
    names = {identifier(parameter): parameter for parameter in config.shapes()}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    return graph


def layer_functions(config: PeerConfig) -> list[FunctionProto]:
    """The model-local functions that the graph calls."""
    return [product_key_top_k(), expert_mix(config.expert, config.activation)]


def assemble(graph: GraphProto, functions: Sequence[FunctionProto], config: PeerConfig | None = None) -> ModelProto:
    """A model in the dialect of ``domain``, with spec version and configuration where there is one."""
    model = helper.make_model(
        graph,
        functions=list(functions),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, DOMAIN_VERSION)],
        ir_version=IR_VERSION,
        producer_name="peerspec",
    )
    if config is not None:
        helper.set_model_props(model, {SPEC_KEY: SPEC_VERSION, CONFIG_KEY: config.to_json()})
    return model


def _stages(config: PeerConfig) -> str:
    tables = ", ".join(identifier(name) for name in config.shapes() if name.startswith("experts."))
    return (
        stages.query(config)
        + stages.query_norm(config)
        + stages.half_scores(config)
        + stages.selection(config)
        + stages.gates(config)
        + f'  mixed = {DOMAIN}.{expert_mix_name(config.expert)} <activation = "{config.activation}">'
        + f" (tokens, top_ids, gate, {tables})\n"
    )


def _enter(config: PeerConfig, dtype: np.dtype) -> str:
    """Tokens [T, D]; one of zeros where there are none: ONNX Runtime 1.23 crashes on a TopK without rows."""
    return f"""
  flat_shape = Constant <value = int64[2] {{-1, {config.d_model}}}> ()
  flat_x = Reshape (x, flat_shape)
  wide_x = Cast <to = {TENSOR_TYPES[compute_dtype(dtype)]}> (flat_x)
  count = Shape <start = 0, end = 1> (flat_x)
  none = Constant <value = int64[1] {{0}}> ()
  one = Constant <value = int64[1] {{1}}> ()
  lacking = Sub (one, count)
  spare = Max (lacking, none)
  pads = Concat <axis = 0> (none, none, spare, none)
  tokens = Pad (wide_x, pads)
"""


def _leave(config: PeerConfig, dtype: np.dtype, trace: bool) -> str:
    """y rounded once (PRC-1), and every output under the leading axes of x."""
    statements = f"""
  lead = Shape <start = 0, end = -1> (x)
  width = Constant <value = int64[1] {{{config.d_out}}}> ()
  y_shape = Concat <axis = 0> (lead, width)
  counted_y = Slice (mixed, none, count, none)
  y_flat = Cast <to = {TENSOR_TYPES[dtype]}> (counted_y)
  y = Reshape <allowzero = 1> (y_flat, y_shape)
"""
    if not trace:
        return statements
    return f"""{statements}
  counted_scores = Slice (top_scores, none, count, none)
  counted_ids = Slice (top_ids, none, count, none)
  counted_gates = Slice (gate, none, count, none)
  picked = Constant <value = int64[2] {{{config.heads}, {config.top_k}}}> ()
  trace_shape = Concat <axis = 0> (lead, picked)
  scores = Reshape <allowzero = 1> (counted_scores, trace_shape)
  indices = Reshape <allowzero = 1> (counted_ids, trace_shape)
  gates = Reshape <allowzero = 1> (counted_gates, trace_shape)
"""


def _check_leading(leading: Sequence[str]) -> None:
    if isinstance(leading, str) or not all(isinstance(axis, str) for axis in leading):
        raise ExportError(f"leading axes must be a tuple of names such as ('batch', 'sequence'), got {leading!r}")
    if bad := [axis for axis in leading if not (axis.isidentifier() and axis.isascii()) or axis == "T"]:
        raise ExportError(f"the leading axis {bad[0]!r} must be a name of letters, digits and _ other than 'T'")
    if len(set(leading)) != len(leading):
        raise ExportError(f"leading axes must have distinct names, got {tuple(leading)}")
