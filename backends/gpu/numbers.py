"""Exact widening, and rounding to nearest with ties to even, in compiled kernels and in Triton's interpreter.

The interpreter cuts where it narrows to bfloat16, and mistakes subnormal bfloat16 numbers; so it goes by bits.
"""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["INTERPRETED", "narrow", "widen"]

INTERPRETED = tl.constexpr(triton.knobs.runtime.interpret)
"""Whether kernels run in the interpreter; Triton decides it when a kernel is defined."""


@triton.jit
def widen(x):
    """The numbers in float32, exactly."""
    if INTERPRETED and x.dtype == tl.bfloat16:
        return (x.to(tl.int16, bitcast=True).to(tl.int32) << 16).to(tl.float32, bitcast=True)
    else:
        return x.to(tl.float32)


@triton.jit
def narrow(x, dtype: tl.constexpr):
    """float32 numbers in ``dtype``, rounded once."""
    if INTERPRETED and dtype == tl.bfloat16:
        bits = x.to(tl.int32, bitcast=True)
        rounded = tl.where(x != x, bits | 0x400000, bits + (0x7FFF + ((bits >> 16) & 1)))
        return (rounded >> 16).to(tl.int16).to(tl.bfloat16, bitcast=True)
    else:
        return x.to(dtype)
