"""Gradients of tables by row, and the updates of the optimisers, on a GPU.

The number of touched rows stays on the device: arrays of rows have room for all that there can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from peerspec.backends.gpu import launches
from peerspec.backends.gpu.launches import Optimiser
from peerspec.backends.gpu.rows import ADAGRAD, ADAM, COMPACT, DENSE, SGD
from peerspec.backends.torch.gpu.run import run

__all__ = ["adagrad_rows", "adam_rows", "dense_gradient", "scatter_sum", "sgd_rows", "touched_rows"]


def touched_rows(ids: Tensor, num_rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The distinct ids [min(TK, N)], the order of the pairs [TK], the starts of rows, and the place of each pair's row.

    Places are one more than the place, so the last is the number of rows; entries of rows and starts behind it are
    not written.
    """
    pairs = ids.numel()
    found, order = ids.flatten().to(torch.int32).sort(stable=True)
    most = min(pairs, num_rows)
    rows, starts = (ids.new_empty(size, dtype=torch.int64) for size in (most, most + 1))
    marks = ids.new_empty(pairs, dtype=torch.int32)
    run(launches.mark_rows(pairs), found, marks)
    places = marks.cumsum(0, dtype=torch.int32)
    run(launches.write_rows(pairs), found, marks, places, rows, starts)
    return rows, order, starts, places


def scatter_sum(rows: Tensor, order: Tensor, starts: Tensor, places: Tensor, weights: Tensor, x: Tensor) -> Tensor:
    """Σ weight · x of each touched row, in the dtype of x: [min(TK, N), D], as far as there are rows."""
    out = x.new_empty(len(rows), x.shape[1])
    _scatter_sum(COMPACT, out, (), rows, x, [order, starts, weights, places], Optimiser())
    return out


def dense_gradient(
    table: Tensor, rows: Tensor, order: Tensor, starts: Tensor, places: Tensor, weights: Tensor, x: Tensor
) -> Tensor:
    """Σ weight · x of each touched row in an array like the table, which is 0 elsewhere."""
    out = torch.zeros_like(table, memory_format=torch.contiguous_format)
    _scatter_sum(DENSE, out, (), rows, x, [order, starts, weights, places], Optimiser())
    return out


def sgd_rows(table: Tensor, rows: Tensor, values: Tensor, factors: Sequence[Tensor], rate: float) -> None:
    """row ← row − rate · gradient."""
    _scatter_sum(SGD, table, (), rows, values, factors, Optimiser(rate))


def adagrad_rows(
    table: Tensor, sums: Tensor, rows: Tensor, values: Tensor, factors: Sequence[Tensor], rate: float, epsilon: float
) -> None:
    """sum ← sum + mean(gradient²), row ← row − rate · gradient / (√sum + ε)."""
    _scatter_sum(ADAGRAD, table, (sums,), rows, values, factors, Optimiser(rate, epsilon))


def adam_rows(
    table: Tensor,
    first: Tensor,
    second: Tensor,
    rows: Tensor,
    values: Tensor,
    factors: Sequence[Tensor],
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    step: int,
) -> None:
    """Lazy Adam on the touched rows."""
    optimiser = Optimiser(rate / (1 - beta1**step), epsilon, beta1, beta2, (1 - beta2**step) ** -0.5)
    _scatter_sum(ADAM, table, (first, second), rows, values, factors, optimiser)


def _scatter_sum(
    target: int,
    table: Tensor,
    state: Sequence[Tensor],
    rows: Tensor,
    x: Tensor,
    factors: Sequence[Tensor],
    optimiser: Optimiser,
) -> None:
    order, starts, weights, places = factors
    pairs, width = len(order), x.shape[1]
    if not pairs or not width:
        return
    parts = x.new_empty(2 * launches.sum_blocks(width, pairs), width)
    first, second = (*state, parts, parts)[:2]
    common = (parts, parts, table, first, second)  # the scale is not read
    sums = launches.scatter_sum(target, width, pairs, weights.shape[1], optimiser)
    run(sums, order, places, rows, starts, weights.contiguous(), x.contiguous(), *common)
    run(launches.finish_crossing_rows(target, width, pairs, optimiser), places, rows, starts, *common)
