"""The cases of the profile ``select``: half scores with ties, roundings and extremes that random data rarely have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Draw, Halves
from peerspec.reference import Precision

__all__ = ["VALUE_CASES", "SelectionCase", "coarse", "corners", "near_zero"]


@dataclass(frozen=True)
class SelectionCase:
    """Two arrays of half scores [rows, n], and k; the other attributes are those of ``CaseDefinition``."""

    name: str
    n: int
    k: int
    build: Callable[[Draw, int], tuple[Array, Array]]
    size: int = 0
    everywhere: int = 2
    tags: frozenset[str] = frozenset({"select"})

    def make(self, precision: Precision, seed: int) -> Halves:
        """The half scores in the compute dtype."""
        return Halves(self.name, *self.build(Draw(f"select.{self.name}", seed, precision.compute), self.n), self.k)


def coarse(bits: int) -> Any:
    """Values of ``bits`` bits: few distinct values, so many ties."""

    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        return draw.coarse("s1", (8, n), bits, bits - 1), draw.coarse("s2", (8, n), bits, bits - 1)

    return make


def _full(draw: Draw, n: int) -> tuple[Array, Array]:
    return draw.full("s1", (8, n)), draw.full("s2", (8, n))


def _axes(*lead: int) -> Any:
    """Leading axes ``lead`` instead of rows."""

    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        return draw.full("s1", (*lead, n)), draw.full("s2", (*lead, n))

    return make


def _zeros(draw: Draw, n: int) -> tuple[Array, Array]:
    """Zeros of both signs."""
    sign1, sign2 = draw.coarse("s1", (8, n), 1, 0), draw.coarse("s2", (8, n), 1, 0)
    zero = draw.dtype.type(0)
    return np.copysign(zero, sign1), np.copysign(zero, sign2)


def _absorbed(draw: Draw, n: int) -> tuple[Array, Array]:
    """Large s1 and small s2: different sums round to one value, and only the order of SEL-1 decides."""
    unit = draw.dtype.type(2.0) ** (np.finfo(draw.dtype).nmant + 1)
    return draw.coarse("s1", (8, n), 2, 0) + unit, draw.full("s2", (8, n), -1)


def _neighbours(draw: Draw, n: int) -> tuple[Array, Array]:
    """Values one or two ulps apart."""
    ulp = draw.dtype.type(np.finfo(draw.dtype).eps)
    s1, s2 = draw.coarse("s1", (8, n), 3, 2), draw.coarse("s2", (8, n), 3, 2)
    return 1 + s1 * ulp, 1 + s2 * ulp


def _last_bits(draw: Draw, n: int) -> tuple[Array, Array]:
    """Values that differ in the last eight bits: few are equal, and all are near."""
    ulp = draw.dtype.type(np.finfo(draw.dtype).eps)
    return 1 + draw.coarse("s1", (8, n), 8, 8) * ulp, 1 + draw.coarse("s2", (8, n), 8, 7) * ulp


def _rounded(draw: Draw, n: int) -> tuple[Array, Array]:
    """Exact sums need three bits more than the dtype has, so sums round, up or down."""
    return draw.full("s1", (8, n)), draw.full("s2", (8, n), -3)


def near_zero(bits: int, exponent: int, *lead: int) -> Any:
    """Multiples of 2^(exponent−bits+1) in [−2^exponent, 2^exponent), times the least normal number.

    There are eight rows, or the leading axes ``lead``.
    """

    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        least = np.finfo(draw.dtype).tiny
        shape = (*(lead or (8,)), n)
        s1, s2 = (draw.coarse(name, shape, bits, exponent) * least for name in ("s1", "s2"))
        return s1, s2

    return make


def _by_hand_near_zero(draw: Draw, n: int) -> tuple[Array, Array]:
    """The ids are [1, 3], or [1, 0] if sums are flushed."""
    s1, s2 = ([[2, 1.875]], [[-1.9375, -1.0625]])
    least = np.finfo(draw.dtype).tiny
    return np.array(s1, draw.dtype) * least, np.array(s2, draw.dtype) * least


def _around_the_least(draw: Draw, n: int) -> tuple[Array, Array]:
    """Subnormal and normal half scores, most of them negative: the best sums are on both sides of the least normal."""
    s1, s2 = near_zero(5, 0)(draw, n)
    shift = np.finfo(draw.dtype).tiny * draw.dtype.type(0.375)
    return s1 - shift, s2 - shift


def _cancelling(draw: Draw, n: int) -> tuple[Array, Array]:
    """Normal half scores whose sums are subnormal, of both signs, or zero."""
    least, one = np.finfo(draw.dtype).tiny, draw.dtype.type(1)
    s1, s2 = (draw.coarse(name, (8, n), 4, -1) + 3 * one / 2 for name in ("s1", "s2"))
    return s1 * least, -s2 * least


def _few_are_normal(draw: Draw, n: int) -> tuple[Array, Array]:
    """Positive subnormal half scores and two normal ones: what is flushed ties."""
    s1, s2 = near_zero(5, -1)(draw, n)
    s1, s2 = np.abs(s1), np.abs(s2)
    for part in (s1, s2):
        part[:, [0, -1]] = 2 * np.finfo(draw.dtype).tiny
    return s1, s2


def _barely_normal(draw: Draw, n: int) -> tuple[Array, Array]:
    """Sums are zero or a little above the least normal number: none may become zero."""
    return near_zero(3, 5)(draw, n)


def _low(draw: Draw, n: int) -> tuple[Array, Array]:
    """Multiples of 2⁶⁰ from −24·2⁶⁰ to −9·2⁶⁰: below any finite number that a backend uses for minus infinity."""
    low = draw.dtype.type(2.0) ** 60
    s1, s2 = (draw.coarse(name, (8, n), 4, 3) * low - 16 * low for name in ("s1", "s2"))
    return s1, s2


def _lines(draw: Draw, n: int) -> tuple[Array, Array]:
    """The selected cells lie in one row of the grid (even rows of the case) or in one column (odd rows)."""
    s1, s2 = (np.tile(np.arange(n, dtype=draw.dtype), (8, 1)) for _ in range(2))
    s1[0::2, n // 2] += 4 * n
    s2[1::2, 0] += 4 * n
    return s1, s2[:, ::-1].copy()


def _corner(draw: Draw, n: int) -> tuple[Array, Array]:
    """Half scores in equal steps: many candidates on the edge of the staircase tie for the k-th place."""
    steps = -np.arange(n, dtype=draw.dtype)
    s1, s2 = np.tile(steps, (8, 1)), np.tile(steps, (8, 1))
    return s1 * draw.dtype.type(0.5), np.roll(s2, 1, -1)


def corners(k: int) -> Any:
    """In each row a sub-keys of one half and b of the other have much larger half scores, with a·b ≤ k maximal.

    Every cell of the staircase of k is then selected in some row.
    """
    corners = [(a, k // a) for a in range(1, k + 1) if k // (a + 1) < k // a]

    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        s1, s2 = (draw.coarse(name, (8, n), 3, 2) for name in ("s1", "s2"))
        for row, (a, b) in enumerate((corners * 8)[:8]):
            s1[row, -a:] += 64
            s2[row, :b] += 64
        return s1, s2

    return make


def _in_columns(draw: Draw, n: int) -> tuple[Array, Array]:
    """Arrays in column order."""
    s1, s2 = _full(draw, n)
    return np.asfortranarray(s1), np.asfortranarray(s2)


def _gaps(draw: Draw, n: int) -> tuple[Array, Array]:
    """Every second row of longer arrays: arrays with gaps in memory."""
    return draw.full("s1", (16, n))[::2], draw.full("s2", (16, n))[::2]


REPEATED = frozenset({"select", "select.repeat"})
"""The tags of cases whose questions are asked again, and with changes."""

VALUE_CASES: tuple[SelectionCase, ...] = (
    SelectionCase(
        "hand",
        3,
        2,
        lambda draw, n: (np.array([[1, 0, -1]], draw.dtype), np.array([[0.5, -0.5, 2]], draw.dtype)),
    ),
    SelectionCase("full", 25, 8, _full, everywhere=0, tags=REPEATED),
    SelectionCase("coarse", 25, 8, coarse(3), everywhere=0),
    SelectionCase("coarser", 25, 8, coarse(2), everywhere=0),
    SelectionCase("zeros", 25, 8, _zeros, everywhere=0),
    SelectionCase("absorbed", 25, 8, _absorbed, everywhere=0),
    SelectionCase("neighbours", 25, 8, _neighbours, everywhere=0),
    SelectionCase("neighbours.more", 67, 8, _last_bits, everywhere=1),
    SelectionCase("neighbours.many", 521, 8, _last_bits, everywhere=1),
    SelectionCase("rounded", 25, 8, _rounded, everywhere=0),
    SelectionCase("subnormal.hand", 2, 2, _by_hand_near_zero, everywhere=0),
    SelectionCase("subnormal.sums", 25, 8, _cancelling, everywhere=0),
    SelectionCase("subnormal.halves", 25, 8, _around_the_least, everywhere=0),
    SelectionCase("subnormal.ties", 25, 8, _few_are_normal, everywhere=0),
    SelectionCase("subnormal.only", 25, 8, near_zero(4, -1), everywhere=0),
    SelectionCase("subnormal.tail", 67, 8, near_zero(5, -1), everywhere=0),
    SelectionCase("subnormal.tail.long", 203, 16, near_zero(6, -1), everywhere=0),
    SelectionCase("subnormal.long", 25, 67, near_zero(5, -1), size=1),
    SelectionCase("subnormal.rows", 25, 8, near_zero(5, -1, 67)),
    SelectionCase("subnormal.axes", 25, 8, near_zero(5, -1, 3, 5)),
    SelectionCase("subnormal.blocks", 331, 8, near_zero(7, -1)),
    SelectionCase("barely.normal", 25, 8, _barely_normal, everywhere=0),
    SelectionCase("low", 25, 8, _low, everywhere=0),
    SelectionCase("lines", 25, 8, _lines, everywhere=0),
    SelectionCase("corner", 25, 8, _corner, everywhere=0),
    SelectionCase("columns", 25, 8, _in_columns),
    SelectionCase("gaps", 25, 8, _gaps, tags=REPEATED),
    SelectionCase("long", 25, 67, coarse(3), size=1),
    SelectionCase("longer", 71, 67, coarse(3), size=1, tags=REPEATED),
    SelectionCase("first", 25, 1, coarse(2)),
    SelectionCase("deep", 4, 11, coarse(3), everywhere=1),
    SelectionCase("all", 4, 16, coarse(2)),
    SelectionCase("one", 1, 1, coarse(2)),
    SelectionCase("axes.none", 25, 8, _axes()),
    SelectionCase("axes.two", 25, 8, _axes(2, 4), tags=REPEATED),
    SelectionCase("axes.empty", 25, 8, _axes(0, 2)),
    SelectionCase("million", 1024, 16, coarse(8), tags=REPEATED),
    SelectionCase("million.corners", 1024, 16, corners(16)),
    SelectionCase("million.full", 1024, 16, _full, size=1),
)
