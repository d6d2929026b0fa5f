"""``peer.ProductKeyTopK``: the exact selection, in standard operators (SPEC.md, SEL-1 … SEL-4, IDX-1).

``ProductKeyTopK(s1, s2)<k> -> (scores, indices)`` takes two half scores [..., n] of one floating dtype, and returns
scores [..., k] in that dtype and indices [..., k] in int64, best first. A TopK of each half gives ranks; a TopK over
the flattened grid of min(k, n)² sums gives the selection. TopK with sorted = 1 ranks equal values by lower position,
which on that grid is the order of SEL-1 (theorem 2.1).
"""

from __future__ import annotations

from peerspec.export.domain import function
from peerspec.export.onnx_package import FunctionProto

__all__ = ["product_key_top_k"]


def product_key_top_k() -> FunctionProto:
    """The function, for any number of leading axes and of rows, zero included."""
    return function("ProductKeyTopK <k> (s1, s2) => (scores, indices)", _BODY)


# Gather reads the ranks from a flat list at row · side + rank, because in ONNX's reference evaluator GatherElements is
# wrong for wide rows and GatherND fails without rows.
_BODY = """
  zero = Constant <value = int64 {0}> ()
  unit = Constant <value = int64 {1}> ()
  one = Constant <value = int64[1] {1}> ()
  two = Constant <value = int64[1] {2}> ()
  rest = Constant <value = int64[1] {-1}> ()
  k_scalar = Constant <value_int : int = @k> ()
  k_axis = Reshape (k_scalar, one)
  n = Shape <start = -1> (s1)
  lead = Shape <start = 0, end = -1> (s1)
  side = Min (k_axis, n)
  cells = Mul (side, side)

  rows_of_n = Concat <axis = 0> (rest, n)
  half1 = Reshape (s1, rows_of_n)
  half2 = Reshape (s2, rows_of_n)
  best1, rank1 = TopK <axis = 1, largest = 1, sorted = 1> (half1, side)
  best2, rank2 = TopK <axis = 1, largest = 1, sorted = 1> (half2, side)

  column = Unsqueeze (best1, two)
  line = Unsqueeze (best2, one)
  grid = Add (column, line)
  rows_of_cells = Concat <axis = 0> (rest, cells)
  flat = Reshape (grid, rows_of_cells)
  sums, cell = TopK <axis = 1, largest = 1, sorted = 1> (flat, k_axis)

  count = Shape <start = 0, end = 1> (sums)
  count_scalar = Squeeze (count)
  row = Range (zero, count_scalar, unit)
  row_column = Unsqueeze (row, one)
  start = Mul (row_column, side)
  a = Div (cell, side)
  b = Mod (cell, side)
  at1 = Add (start, a)
  at2 = Add (start, b)
  flat1 = Reshape (rank1, rest)
  flat2 = Reshape (rank2, rest)
  i = Gather <axis = 0> (flat1, at1)
  j = Gather <axis = 0> (flat2, at2)
  i_n = Mul (i, n)
  ids = Add (i_n, j)

  result = Concat <axis = 0> (lead, k_axis)
  scores = Reshape <allowzero = 1> (sums, result)
  indices = Reshape <allowzero = 1> (ids, result)
"""
