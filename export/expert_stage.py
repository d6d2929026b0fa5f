"""``peer.ExpertStage`` and ``peer.ExpertStageGLU``: the selected experts and their weighted sum (EXP-1, EXP-2, OUT-1).

``ExpertStage(x, indices, gates, u, v)<activation> -> y``
``ExpertStageGLU(x, indices, gates, u, v, w)<activation> -> y``

Both take tokens [..., D], ids and gates [..., h, k] and tables [N, D], [N, M], [N, D], and return y [..., M] in the
dtype of x. Tables may have fewer bytes per number: rows are gathered first, then widened (PRC-2).
``ExpertStageInt8`` and ``ExpertStageGLUInt8`` take int8 tables, each followed by the factors of its rows (ONX-9).

A body is written for one activation, because ONNX functions cannot branch on a string. The attribute names the
activation for kernels that are registered under the same name.

There are two bodies with the same result. ``gather`` reads the rows of all tokens at once, T·h·k·(D + M) numbers;
``scan`` reads the rows of one token after another.
"""

from __future__ import annotations

from typing import Literal

from peerspec.export.activations import activation
from peerspec.export.domain import function
from peerspec.export.onnx_package import FunctionProto, GraphProto, NodeProto, ValueInfoProto, helper
from peerspec.export.tables import SCALE

__all__ = ["Body", "expert_stage", "expert_stage_name"]

Body = Literal["gather", "scan"]


def expert_stage(
    expert: str, kind: str, *, body: Body = "gather", int8: bool = False, name: str | None = None
) -> FunctionProto:
    """The function for an ``expert`` and an activation ``kind`` of the configuration; it takes empty batches too."""
    tables = ["u", "v"] if expert == "mlp" else ["u", "v", "w"]
    given = ", ".join(part for table in tables for part in ((table, table + SCALE) if int8 else (table,)))
    signature = f"{name or expert_stage_name(expert, int8=int8)} <activation> (x, indices, gates, {given}) => (y)"
    statements = _coefficient(expert, kind, int8) + _gather_sum(int8)
    if body == "gather":
        return function(signature, f"{_AXES}{_PAIRS}  x_column = Unsqueeze (x, last)\n{statements}")
    scanned = function(signature, f"{_PAIRS}{_FLAT}  y_rows = Identity (x_rows)\n{_UNFLAT}")
    index = next(at for at, node in enumerate(scanned.node) if node.output[0] == "y_rows")
    scanned.node[index].CopyFrom(_scan(function(signature, f"{_AXES}  x_column = Unsqueeze (x, last)\n{statements}")))
    return scanned


def expert_stage_name(expert: str, *, int8: bool = False) -> str:
    """The name of the function for the configuration's ``expert``."""
    return ("ExpertStage" if expert == "mlp" else "ExpertStageGLU") + ("Int8" if int8 else "")


def _scan(step: FunctionProto) -> NodeProto:
    """A Scan of the statements ``step`` over tokens [D], their ids and gates [h·k]; the tables come from outside."""
    graph = GraphProto(name="token", node=step.node)
    for node in graph.node:  # names of a subgraph must differ from those of the graph around it
        node.input[:] = [name if name in _TABLES else f"token_{name}" for name in node.input]
        node.output[:] = [f"token_{name}" for name in node.output]
    graph.input.extend(ValueInfoProto(name=name) for name in ("token_x", "token_ids", "token_gate"))
    graph.output.append(ValueInfoProto(name="token_y"))
    rows = ["x_rows", "id_rows", "gate_rows"]
    return helper.make_node("Scan", rows, ["y_rows"], body=graph, num_scan_inputs=len(rows))


_TABLES = tuple(name + ending for name in ("u", "v", "w") for ending in ("", SCALE))


_AXES = """
  last = Constant <value = int64[1] {-1}> ()
  before_last = Constant <value = int64[1] {-2}> ()
"""

_PAIRS = """
  lead = Shape <start = 0, end = -2> (indices)
  heads_k = Shape <start = -2> (indices)
  pairs = ReduceProd (heads_k)
  lead_pairs = Concat <axis = 0> (lead, pairs)
  ids = Reshape <allowzero = 1> (indices, lead_pairs)
  gate = Reshape <allowzero = 1> (gates, lead_pairs)
"""

_SUM = """
  weight = Mul (gate, coefficient)
  weight_line = Unsqueeze (weight, before_last)
  y_line = MatMul (weight_line, v_rows)
  y = Squeeze (y_line, before_last)
"""

_FLAT = """
  numbers = Size (indices)
  tokens = Div (numbers, pairs)
  flat_pairs = Concat <axis = 0> (tokens, pairs)
  width = Shape <start = -1> (x)
  flat_width = Concat <axis = 0> (tokens, width)
  x_rows = Reshape <allowzero = 1> (x, flat_width)
  id_rows = Reshape <allowzero = 1> (ids, flat_pairs)
  gate_rows = Reshape <allowzero = 1> (gate, flat_pairs)
"""

_UNFLAT = """
  out_width = Shape <start = -1> (v)
  lead_width = Concat <axis = 0> (lead, out_width)
  y = Reshape <allowzero = 1> (y_rows, lead_width)
"""


def _coefficient(expert: str, kind: str, int8: bool) -> str:
    """The coefficient of each row of v: σ(u·x), or σ(w·x) (u·x) for GLU."""
    if expert == "mlp":
        return _gather_dot("u", int8) + activation(kind, "u_x", "coefficient")
    products = _gather_dot("u", int8) + _gather_dot("w", int8)
    return products + activation(kind, "w_x", "active") + "  coefficient = Mul (active, u_x)\n"


def _gather_sum(int8: bool) -> str:
    """y = Σ gate · coefficient · v over the h·k experts of a token."""
    return _rows("v", int8) + _SUM


def _rows(table: str, int8: bool) -> str:
    """The rows of the selected experts, in the dtype of x."""
    stored = f"""
  {table}_stored = Gather <axis = 0> ({table}, ids)
  {table}_{"wide" if int8 else "rows"} = CastLike ({table}_stored, x)
"""
    factors = f"""
  {table}_factor = Gather <axis = 0> ({table}{SCALE}, ids)
  {table}_factors = Unsqueeze ({table}_factor, last)
  {table}_rows = Mul ({table}_wide, {table}_factors)
"""
    return stored + factors if int8 else stored


def _gather_dot(table: str, int8: bool) -> str:
    """The inner products of x with the rows of the selected experts."""
    return f"""{_rows(table, int8)}
  {table}_column = MatMul ({table}_rows, x_column)
  {table}_x = Squeeze ({table}_column, last)
"""
