"""The pairs of a batch by the row that they select, without a question to the device.

Ids are sorted stably by the framework. ``mark_rows_kernel`` marks where a row begins, the framework sums the marks, and
``write_rows_kernel`` lists the rows. Their number stays on the device; arrays have room for all that there can be.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["mark_rows_kernel", "write_rows_kernel"]


@triton.jit(do_not_specialize=["pairs"])
def mark_rows_kernel(ids, marks, pairs, BLOCK: tl.constexpr):
    """1 where a sorted id differs from the one before, else 0: [pairs], int32."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < pairs
    here = tl.load(ids + at, mask=inside, other=0)
    before = tl.load(ids + at - 1, mask=inside & (at > 0), other=0)
    tl.store(marks + at, ((here != before) | (at == 0)).to(tl.int32), mask=inside)


@triton.jit(do_not_specialize=["pairs"])
def write_rows_kernel(ids, marks, places, rows, starts, pairs, BLOCK: tl.constexpr):
    """The distinct ids and where each begins.

    Args:
        ids: sorted, [pairs].
        marks: of ``mark_rows_kernel``.
        places: the running sums of the marks, int32: one more than the place of the row of each pair.
        rows: [R], the distinct ids, ascending.
        starts: [R + 1], the first pair of each row; the last number is ``pairs``.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < pairs
    place = tl.load(places + at, mask=inside, other=1)
    begins = inside & (tl.load(marks + at, mask=inside, other=0) == 1)
    tl.store(rows + place - 1, tl.load(ids + at, mask=inside, other=0), mask=begins)
    tl.store(starts + place - 1, at, mask=begins)
    tl.store(starts + place, at + 1, mask=inside & (at == pairs - 1))
