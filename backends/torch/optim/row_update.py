"""Updates of the rows of a table that have a gradient: operands of the update operators, and their library kernel.

Each optimiser has one operator that changes a table and its state in place, for example ``peerspec::sgd_rows``. Its
operands are

    rows     [R], the distinct rows that have a gradient
    values   [R, width], their gradients
    factors  empty; or order, starts, weights and places of ``FactoredRows``, and then values are x [T, width]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array
from peerspec.backends.torch.optim.gradient import RowGradient, Rows, summed
from peerspec.backends.torch.rows import BUDGET
from peerspec.backends.torch.touched import FactoredRows, Touched

__all__ = ["Operands", "Update", "core_operands", "no_result", "operands", "scale_rows", "update_by_library"]

Operands = tuple[Tensor, Tensor, list[Tensor]]

Update = Callable[..., None]
"""Changes rows [R, width] in the compute dtype and their state in place; takes rows, gradients and state."""


def operands(gradient: RowGradient) -> Operands:
    """A gradient as operands: rows, values, factors."""
    if isinstance(gradient, Rows):
        return gradient.rows, gradient.values, []
    (rows, order, starts, places), weights, x = gradient
    return rows, x, [order, starts, weights, places]


def core_operands(
    rows: Tensor, values: Tensor, factors: Sequence[Tensor]
) -> tuple[NDArray[Any], NDArray[Any] | native.FactoredRows]:
    """Operands as the native core takes them."""
    if not factors:
        return to_array(rows), to_array(values)
    order, starts, weights, _ = map(to_array, factors)
    by_row = native.SortedPairs(order, to_array(rows), starts)
    return by_row.touched, native.FactoredRows(by_row, weights, to_array(values))


def update_by_library(
    update: Update, table: Tensor, state: Sequence[Tensor], rows: Tensor, values: Tensor, factors: Sequence[Tensor]
) -> None:
    """Some rows at a time: gather and widen them, update them, write them back."""
    if factors:
        order, starts, weights, places = factors
        rows, values = summed(FactoredRows(Touched(rows, order, starts, places), weights, values))
    dtype = COMPUTE_DTYPES[table.dtype]
    count = _rows_at_once(table)
    for part, gradient in zip(torch.split(rows, count), torch.split(values, count), strict=True):
        row_values, states = table[part].to(dtype), [old[part] for old in state]
        update(row_values, gradient, *states)
        table.index_copy_(0, part, row_values.to(table.dtype))
        for old, new in zip(state, states, strict=True):
            old.index_copy_(0, part, new)


def scale_rows(table: Tensor, rows: Tensor, factor: float) -> None:
    """Multiply rows of a table by a number, each product rounded once."""
    for part in torch.split(rows, _rows_at_once(table)):
        table.index_copy_(0, part, (table[part].to(COMPUTE_DTYPES[table.dtype]) * factor).to(table.dtype))


def _rows_at_once(table: Tensor) -> int:
    budget = BUDGET["cpu" if table.device.type == "cpu" else "other"]
    return max(1, budget // (max(1, table.shape[1]) * COMPUTE_DTYPES[table.dtype].itemsize))


def no_result(*operands: Any) -> None:
    """The fake kernel of an update, which changes tensors and makes none."""
