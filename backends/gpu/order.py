"""The selection order as the order of integers (SPEC.md, SEL-1, SEL-4, NFT-3)."""

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["LAST", "order_key", "place_of", "score_of"]

LAST = tl.constexpr(-0x8000000000000000)
"""A key after every other."""


@triton.jit
def order_key(score, place):
    """A 64-bit integer for a float32 score at a place from 0 to 2³¹ − 1: of two, the larger comes first.

    Its upper half orders scores, −0 as +0; its lower half prefers the lower place. No two keys of a row are equal, NaN
    included, so every way of sorting them gives one order.
    """
    bits = tl.where(score == 0, 0.0, score).to(tl.int32, bitcast=True)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    return (ordered.to(tl.int64) << 32) | (0x7FFFFFFF - place).to(tl.int64)


@triton.jit
def score_of(key):
    """The score of a key; −0 comes back as +0."""
    ordered = (key >> 32).to(tl.int32)
    return (ordered ^ ((ordered >> 31) & 0x7FFFFFFF)).to(tl.float32, bitcast=True)


@triton.jit
def place_of(key):
    """The place of a key."""
    return 0x7FFFFFFF - (key & 0x7FFFFFFF).to(tl.int32)
