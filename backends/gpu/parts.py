"""float32 numbers as sums of three bfloat16 numbers, for products of exact terms on tensor cores (PRC-2)."""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["split_kernel"]


@triton.jit
def _cut(x):
    """The first eight bits of the significand; a NaN stays one."""
    bits = tl.where(x != x, 0x7FC00000, x.to(tl.int32, bitcast=True) & -0x10000)
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _bfloat16(x):
    """The first half of the bits, exact for what ``_cut`` returns."""
    return (x.to(tl.int32, bitcast=True) >> 16).to(tl.int16).to(tl.bfloat16, bitcast=True)


@triton.jit(do_not_specialize=["count"])
def split_kernel(x, parts, count, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """Three bfloat16 numbers for each float32 number, of which they are the sum.

    Cutting 24 bits into three times eight leaves nothing over, except below 2⁻¹³³, the smallest bfloat16 number. What
    is not finite has parts 0 beside it.

    Args:
        x: rows of WIDTH numbers, ``count`` numbers in all.
        parts: for each row the small parts, then the middle, then the large: [rows, 3, WIDTH]. So a product adds
            small terms first.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    number = tl.load(x + at, mask=inside, other=0.0)
    large = _cut(number)
    rest = tl.where(tl.abs(number) < float("inf"), number - large, 0.0)
    middle = _cut(rest)
    out = parts + at // WIDTH * (3 * WIDTH) + at % WIDTH
    tl.store(out, _bfloat16(_cut(rest - middle)), mask=inside)
    tl.store(out + WIDTH, _bfloat16(middle), mask=inside)
    tl.store(out + 2 * WIDTH, _bfloat16(large), mask=inside)
