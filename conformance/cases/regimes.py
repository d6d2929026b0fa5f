"""Size regimes: the intervals between the sizes at which kernels change, and the alignment of a size.

Tiles, vectors, warps, buffers and narrow integers have sizes that are powers of two. Code that is right on one side of
such an edge may be wrong on the other, and code for multiples of a power of two may be wrong for other sizes.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from itertools import pairwise

__all__ = ["ALIGNMENT", "EDGES", "interval", "intervals", "sizes_of"]

EDGES = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 65536)
"""An interval ends with its edge; the last interval has no end."""
ALIGNMENT = 8
"""A size is aligned if it is a multiple of this."""
_LAST = 1.0625
"""The sizes of the last interval are up to this times its edge."""


def interval(size: int) -> int:
    """The number of the interval: 0 for 1, 1 for 2 … 8, 2 for 9 … 16; ``len(EDGES)`` beyond the last edge."""
    return bisect_left(EDGES, size)


@cache
def intervals() -> tuple[str, ...]:
    """The names of the intervals.

    Example:
        >>> intervals()[interval(13)], intervals()[interval(768)], intervals()[-1]
        ('9-16', '513-1024', '>65536')
    """
    return ("1", *(f"{low + 1}-{high}" for low, high in pairwise(EDGES)), f">{EDGES[-1]}")


@cache
def sizes_of(number: int, *, aligned: bool) -> tuple[int, ...]:
    """All aligned sizes of an interval, or its odd ones; the edge itself is the last of the aligned ones.

    Example:
        >>> sizes_of(2, aligned=True), sizes_of(2, aligned=False)
        ((16,), (9, 11, 13, 15))
    """
    if number == 0:
        return () if aligned else (1,)
    low = EDGES[number - 1] + 1
    high = EDGES[number] if number < len(EDGES) else int(EDGES[-1] * _LAST)
    return tuple(size for size in range(low, high + 1) if (size % ALIGNMENT == 0 if aligned else size % 2))
