"""Gradients of tables by row, and the updates of the optimisers, without atomics (GRD-3, IND-3).

Sorted pairs are cut into blocks of equal length, so that a popular expert delays nobody. A program sums the rows of its
block, in the order of the pairs. Of a row that crosses into another block it writes the sum of its part, and
``finish_crossing_rows_kernel`` adds these parts in their order.
"""

from __future__ import annotations

import triton
import triton.language as tl

from peerspec.backends.gpu.numbers import narrow, widen

__all__ = ["ADAGRAD", "ADAM", "COMPACT", "DENSE", "SGD", "finish_crossing_rows_kernel", "scatter_sum_kernel"]

COMPACT, DENSE, SGD, ADAGRAD, ADAM = range(5)
"""What becomes of the gradient of a row: a row of a compact array, one of a dense table, or an update of the table."""


@triton.jit
def _finish(
    total,
    place,
    row,
    table,
    first,
    second,
    scale,
    rate,
    epsilon,
    beta1,
    beta2,
    correction,
    D: tl.constexpr,
    WIDTH: tl.constexpr,
    TARGET: tl.constexpr,
    SCALED: tl.constexpr,
):
    """Write the gradient of a row, or update the row by it; see ``scatter_sum_kernel``."""
    d = tl.arange(0, WIDTH)
    inside = d < D
    if TARGET == 0:
        tl.store(table + (row * 0 + place) * D + d, narrow(total, table.dtype.element_ty), mask=inside)
    elif row >= 0:
        if TARGET == 1:
            new = total
        else:
            old = widen(tl.load(table + row * D + d, mask=inside, other=0.0))
            step = rate * tl.load(scale) if SCALED else rate
            if TARGET == 2:
                new = old - step * total
            elif TARGET == 3:
                squares = tl.load(first + row) + tl.sum(total * total, 0) / D
                tl.store(first + row, squares)
                new = old - total * (step / (tl.sqrt(squares) + epsilon))
            else:
                mean = tl.load(first + row * D + d, mask=inside, other=0.0)
                square = tl.load(second + row * D + d, mask=inside, other=0.0)
                mean += (1.0 - beta1) * (total - mean)
                square += (1.0 - beta2) * (total * total - square)
                tl.store(first + row * D + d, mean, mask=inside)
                tl.store(second + row * D + d, square, mask=inside)
                root = tl.sqrt(square) * (correction * tl.load(scale + 1) if SCALED else correction)
                new = old - step * (mean / (root + epsilon))
        tl.store(table + row * D + d, narrow(new, table.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=["pairs"])
def scatter_sum_kernel(
    order,
    places,
    rows,
    starts,
    weights,
    x,
    scale,
    parts,
    table,
    first,
    second,
    pairs,
    rate,
    epsilon,
    beta1,
    beta2,
    correction,
    K: tl.constexpr,
    D: tl.constexpr,
    WIDTH: tl.constexpr,
    EXPERTS: tl.constexpr,
    BLOCK: tl.constexpr,
    TARGET: tl.constexpr,
    SCALED: tl.constexpr,
):
    """Σ weight · x over the pairs of each row; programs along blocks of BLOCK sorted pairs.

    Args:
        order, places, rows, starts: the sorted pairs and their rows, as ``write_rows_kernel`` makes them.
        weights, x: [tokens, K] and [tokens, D]; pair p is of token p // K.
        parts: room for the parts of rows that cross blocks, [2 · blocks, D], float32.
        scale: with SCALED factors of ``rate`` and ``correction``, [2], float32, which are known on the device alone.
        table: a compact array [R, D], a dense one [N, D], or the table that is updated. Rows below 0 are none of them.
        first, second: the state of the optimiser: for ADAGRAD the sums [N] in ``first``, for ADAM both moments [N, D].
        rate, epsilon, beta1, beta2: of the optimiser. For ADAM ``rate`` is lr/(1−β₁ᵗ).
        correction: for ADAM 1/√(1−β₂ᵗ).
        WIDTH: the power of two over D. EXPERTS: pairs in flight.
        TARGET: COMPACT, DENSE, SGD, ADAGRAD or ADAM.
    """
    block = tl.program_id(0)
    begin = block * BLOCK
    end = tl.minimum(begin + BLOCK, pairs)
    d = tl.arange(0, WIDTH)
    for place in range(tl.load(places + begin) - 1, tl.load(places + end - 1)):
        start, stop = tl.load(starts + place), tl.load(starts + place + 1)
        row = tl.load(rows + place).to(tl.int64)
        last = tl.minimum(stop, end)
        total = tl.zeros((EXPERTS, WIDTH), tl.float32)
        for at in range(tl.maximum(start, begin), last, EXPERTS):
            here = at + tl.arange(0, EXPERTS)
            pair = tl.load(order + here, mask=here < last, other=0)
            weight = tl.load(weights + pair, mask=here < last, other=0.0)
            token = (pair // K).to(tl.int64)[:, None]
            inside = (here < last)[:, None] & (d < D)[None, :]
            total += weight[:, None] * widen(tl.load(x + token * D + d[None, :], mask=inside, other=0.0))
        gradient = tl.sum(total, 0)
        if (start >= begin) & (stop <= end):
            _finish(
                gradient,
                place,
                row,
                table,
                first,
                second,
                scale,
                rate,
                epsilon,
                beta1,
                beta2,
                correction,
                D,
                WIDTH,
                TARGET,
                SCALED,
            )
        else:
            part = 2 * block + tl.where(start >= begin, 1, 0)
            tl.store(parts + part.to(tl.int64) * D + d, gradient, mask=d < D)


@triton.jit(do_not_specialize=["pairs"])
def finish_crossing_rows_kernel(
    places,
    rows,
    starts,
    scale,
    parts,
    table,
    first,
    second,
    pairs,
    rate,
    epsilon,
    beta1,
    beta2,
    correction,
    D: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
    TARGET: tl.constexpr,
    SCALED: tl.constexpr,
):
    """The rows that cross blocks; programs along the blocks after the first. See ``scatter_sum_kernel``.

    A program takes the row that crosses the beginning of its block, if it crosses no earlier one.
    """
    block = tl.program_id(0) + 1
    begin = block * BLOCK
    d = tl.arange(0, WIDTH)
    place = tl.load(places + begin) - 1
    start, stop = tl.load(starts + place), tl.load(starts + place + 1)
    if (start < begin) & (start >= begin - BLOCK):
        total = tl.load(parts + (2 * block - 1).to(tl.int64) * D + d, mask=d < D, other=0.0)
        row = tl.load(rows + place).to(tl.int64)
        for later in range(block, (stop + BLOCK - 1) // BLOCK):
            total += tl.load(parts + (row * 0 + 2 * later) * D + d, mask=d < D, other=0.0)
        _finish(
            total,
            place,
            row,
            table,
            first,
            second,
            scale,
            rate,
            epsilon,
            beta1,
            beta2,
            correction,
            D,
            WIDTH,
            TARGET,
            SCALED,
        )
