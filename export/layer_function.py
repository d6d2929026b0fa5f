"""``peer.Layer``: a whole layer as one function of its tokens and its parameters (SPEC.md, ONX-11).

``Layer(x, parameters…)<config> -> (y, scores, indices, gates)``; ``LayerFloat16`` and ``LayerInt8`` have tables in
fewer bytes (ONX-10).

x is [..., D] with any leading axes; the body flattens it to [T, D], so the same statements take every rank. A body is
written for one configuration, which the attribute holds, and one precision.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from peerspec.export import stages
from peerspec.export.domain import DOMAIN, TENSOR_TYPES, compute_dtype, function, identifier
from peerspec.export.names import OUTPUTS
from peerspec.export.onnx_package import FunctionProto
from peerspec.export.tables import Tables, inputs, is_table
from peerspec.reference import PeerConfig

__all__ = ["layer_function"]


def layer_function(
    config: PeerConfig, dtype: np.dtype, tables: Tables | None = None, *, name: str, expert_stage: str
) -> FunctionProto:
    """The function ``name`` for a configuration and a dtype of parameters; it calls the function ``expert_stage``."""
    parameters = inputs(config, tables)
    given = ", ".join(("x", *map(identifier, parameters)))
    body = _enter(config, dtype) + _stages(config, expert_stage, [name for name in parameters if is_table(name)])
    made = function(f"{name} <config> ({given}) => ({', '.join(OUTPUTS)})", body + _leave(config, dtype), calls=True)
    names = {identifier(parameter): parameter for parameter in parameters}
    made.input[:] = [names.get(value, value) for value in made.input]
    for node in made.node:
        node.input[:] = [names.get(value, value) for value in node.input]
    return made


def _stages(config: PeerConfig, expert_stage: str, tables: Sequence[str]) -> str:
    given = ", ".join(map(identifier, tables))
    return (
        stages.query(config)
        + stages.query_norm(config)
        + stages.half_scores(config)
        + stages.selection(config)
        + stages.gates(config)
        + f'  token_y = {DOMAIN}.{expert_stage} <activation = "{config.activation}"> (tokens, top_ids, gate, {given})\n'
    )


def _enter(config: PeerConfig, dtype: np.dtype) -> str:
    """Tokens [T, D]; one token of zeros if T = 0, because ONNX Runtime 1.23 crashes on a TopK without rows."""
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


def _leave(config: PeerConfig, dtype: np.dtype) -> str:
    """y rounded once (PRC-6), and every output with the leading axes of x."""
    return f"""
  lead = Shape <start = 0, end = -1> (x)
  width = Constant <value = int64[1] {{{config.d_out}}}> ()
  y_shape = Concat <axis = 0> (lead, width)
  counted_y = Slice (token_y, none, count, none)
  y_flat = Cast <to = {TENSOR_TYPES[dtype]}> (counted_y)
  y = Reshape <allowzero = 1> (y_flat, y_shape)
  counted_scores = Slice (top_scores, none, count, none)
  counted_ids = Slice (top_ids, none, count, none)
  counted_gates = Slice (gate, none, count, none)
  heads_k = Constant <value = int64[2] {{{config.heads}, {config.top_k}}}> ()
  routing_shape = Concat <axis = 0> (lead, heads_k)
  scores = Reshape <allowzero = 1> (counted_scores, routing_shape)
  indices = Reshape <allowzero = 1> (counted_ids, routing_shape)
  gates = Reshape <allowzero = 1> (counted_gates, routing_shape)
"""
