"""``peer.Layer``: a whole layer as one function of its tokens and its parameters (SPEC.md, ONX-6).

``Layer(x, parameters…)<config> -> (y, scores, indices, gates)``

x is [..., D] with any leading axes, which are flattened to [T, D] inside, so the same statements serve every
rank. A body is written for one configuration and one precision; the attribute says which.
"""

from __future__ import annotations

import numpy as np

from peerspec.export import stages
from peerspec.export.domain import DOMAIN, TENSOR_TYPES, compute_dtype, function, identifier
from peerspec.export.onnx_package import FunctionProto
from peerspec.reference import PeerConfig

__all__ = ["OUTPUTS", "layer_function"]

OUTPUTS = ("y", "scores", "indices", "gates")


def layer_function(config: PeerConfig, dtype: np.dtype, *, name: str, mix: str) -> FunctionProto:
    """The function ``name`` for a configuration and the dtype of its parameters; it calls ``mix`` for the experts."""
    inputs = ", ".join(("x", *map(identifier, config.shapes())))
    body = _enter(config, dtype) + _stages(config, mix) + _leave(config, dtype)
    made = function(f"{name} <config> ({inputs}) => ({', '.join(OUTPUTS)})", body, calls=True)
    names = {identifier(parameter): parameter for parameter in config.shapes()}
    made.input[:] = [names.get(value, value) for value in made.input]
    for node in made.node:
        node.input[:] = [names.get(value, value) for value in node.input]
    return made


def _stages(config: PeerConfig, mix: str) -> str:
    tables = ", ".join(identifier(name) for name in config.shapes() if name.startswith("experts."))
    return (
        stages.query(config)
        + stages.query_norm(config)
        + stages.half_scores(config)
        + stages.selection(config)
        + stages.gates(config)
        + f'  mixed = {DOMAIN}.{mix} <activation = "{config.activation}"> (tokens, top_ids, gate, {tables})\n'
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


def _leave(config: PeerConfig, dtype: np.dtype) -> str:
    """y rounded once (PRC-1), and every output under the leading axes of x."""
    return f"""
  lead = Shape <start = 0, end = -1> (x)
  width = Constant <value = int64[1] {{{config.d_out}}}> ()
  y_shape = Concat <axis = 0> (lead, width)
  counted_y = Slice (mixed, none, count, none)
  y_flat = Cast <to = {TENSOR_TYPES[dtype]}> (counted_y)
  y = Reshape <allowzero = 1> (y_flat, y_shape)
  counted_scores = Slice (top_scores, none, count, none)
  counted_ids = Slice (top_ids, none, count, none)
  counted_gates = Slice (gate, none, count, none)
  picked = Constant <value = int64[2] {{{config.heads}, {config.top_k}}}> ()
  trace_shape = Concat <axis = 0> (lead, picked)
  scores = Reshape <allowzero = 1> (counted_scores, trace_shape)
  indices = Reshape <allowzero = 1> (counted_ids, trace_shape)
  gates = Reshape <allowzero = 1> (counted_gates, trace_shape)
"""
