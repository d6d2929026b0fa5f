"""``peer.ExpertMix`` and ``peer.ExpertMixGLU``: the picked experts and their sum (EXP-1, EXP-2, OUT-1).

``ExpertMix(x, indices, gates, u, v)<activation> -> y``
``ExpertMixGLU(x, indices, gates, u, v, w)<activation> -> y``

Both take tokens [..., D], ids and gates [..., h, k] and tables [N, D], [N, M], [N, D], and return [..., M] in
the dtype of x. Tables may have a lower precision: rows are gathered first and widened after (PRC-2).

ONNX functions cannot branch on a string, so the body is written for one activation, the one that the
attribute names; the attribute is what kernels registered under the same name go by.
"""

from __future__ import annotations

from peerspec.export.activations import activation
from peerspec.export.domain import function
from peerspec.export.onnx_package import FunctionProto

__all__ = ["expert_mix", "expert_mix_name"]


def expert_mix(expert: str, kind: str) -> FunctionProto:
    """The function for the configuration's ``expert`` and ``activation``; no tokens included."""
    if expert == "mlp":
        tables, weight = "u, v", _project("u") + activation(kind, "u_x", "weight")
    else:
        gating = _project("u") + _project("w") + activation(kind, "w_x", "active")
        tables, weight = "u, v, w", gating + "  weight = Mul (active, u_x)\n"
    signature = f"{expert_mix_name(expert)} <activation> (x, indices, gates, {tables}) => (y)"
    return function(signature, _PAIRS + weight + _SUM)


def expert_mix_name(expert: str) -> str:
    """The name of the function for the configuration's ``expert``."""
    return "ExpertMix" if expert == "mlp" else "ExpertMixGLU"


_PAIRS = """
  last = Constant <value = int64[1] {-1}> ()
  before_last = Constant <value = int64[1] {-2}> ()
  lead = Shape <start = 0, end = -2> (indices)
  heads_k = Shape <start = -2> (indices)
  pairs = ReduceProd (heads_k)
  lead_pairs = Concat <axis = 0> (lead, pairs)
  ids = Reshape <allowzero = 1> (indices, lead_pairs)
  gate = Reshape <allowzero = 1> (gates, lead_pairs)
  x_column = Unsqueeze (x, last)
"""

_SUM = """
  share = Mul (gate, weight)
  share_line = Unsqueeze (share, before_last)
  v_stored = Gather <axis = 0> (v, ids)
  v_rows = CastLike (v_stored, x)
  y_line = MatMul (share_line, v_rows)
  y = Squeeze (y_line, before_last)
"""


def _project(table: str) -> str:
    return f"""
  {table}_stored = Gather <axis = 0> ({table}, ids)
  {table}_rows = CastLike ({table}_stored, x)
  {table}_column = MatMul ({table}_rows, x_column)
  {table}_x = Squeeze ({table}_column, last)
"""
