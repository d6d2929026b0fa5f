"""The cases of the profile ``select`` by size: every k up to 64, edges of n, of rows and of N, and near-ties."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isqrt

import numpy as np

from peerspec.conformance.cases.case import Array, Draw
from peerspec.conformance.cases.selection import SelectionCase, coarse, corners, near_zero
from peerspec.conformance.inputs import significant_bits

__all__ = ["SELECTION_SIZE_CASES"]

Build = Callable[[Draw, int], tuple[Array, Array]]

MOST = 64
"""Every k up to this has a case with k ≤ n and one with k > n."""
WIDTHS = (64, 67, 81, 96, 100, 128, 129, 192, 200, 255, 256, 257, 384, 500)
"""Values of n that the cases by k have in turn."""
EDGES = (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
ROWS = (1, 2, 31, 32, 33, 257, 1031, 4099, 65_537)


def _by_k() -> Iterator[SelectionCase]:
    """For k ≤ n each cell of the staircase is selected in some row; for k > n there are ties."""
    for k in range(1, MOST + 1):
        n = max(k, WIDTHS[k % len(WIDTHS)]) if k % 3 else k
        yield SelectionCase(f"k.{k}", n, k, corners(k), size=1)
        if k > 2:
            few = isqrt(k - 1) + 1 + k % max(1, (k - isqrt(k - 1)) // 2)
            yield SelectionCase(f"k.{k}.deep", min(few, k - 1), k, coarse(4), size=1)


def _by_n() -> Iterator[SelectionCase]:
    """On both sides of each edge of n, with the best half scores anywhere."""
    for number, edge in enumerate(EDGES):
        for n in (edge - 1, edge, edge + 1):
            yield SelectionCase(f"n.{n}", n, min(n * n, (5, 16, 33)[number % 3]), coarse(9), size=1)


def _ids(n: int) -> Build:
    """The largest half scores are the last ones, so that ids reach n² − 1."""

    def make(draw: Draw, _: int) -> tuple[Array, Array]:
        s1, s2 = (draw.coarse(name, (2, n), 6, 0) for name in ("s1", "s2"))
        for part in (s1, s2):
            part[:, -5:] += 4
        return s1, s2

    return make


def _by_ids() -> Iterator[SelectionCase]:
    """N beyond 2²⁴, 2³¹ and 2³²: float32, signed and unsigned 32-bit integers do not hold every id."""
    for name, n in (("2^24", 4099), ("2^31", 46_349), ("2^32", 65_543)):
        yield SelectionCase(f"ids.{name}", n, 16, _ids(n), size=1)


def _many(rows: int) -> Build:
    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        return draw.coarse("s1", (rows, n), 5, 4), draw.coarse("s2", (rows, n), 5, 4)

    return make


def _by_rows() -> Iterator[SelectionCase]:
    for rows in ROWS:
        yield SelectionCase(f"rows.{rows}", 5, 4, _many(rows), size=1)
    for lead in ((1, 1, 5), (3, 2, 5), (2, 1, 3, 5)):
        yield SelectionCase(f"axes.{'x'.join(map(str, lead))}", 11, 6, _axes(lead), size=1)


def _axes(lead: tuple[int, ...]) -> Build:
    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        return draw.coarse("s1", (*lead, n), 4, 3), draw.coarse("s2", (*lead, n), 4, 3)

    return make


def _near(bits: int, sign: float) -> Build:
    """All half scores of a row are within 2^(bits) ulps of ± a power of two, another one in each of eight rows."""

    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        info = np.finfo(draw.dtype)
        ulps = 2.0**bits * float(info.eps)
        binades = 2.0 ** np.linspace(info.minexp // 2, info.maxexp // 2, 8).round()[:, None].astype(draw.dtype)
        near = (1 + draw.coarse(name, (8, n), bits, -1) * draw.dtype.type(ulps) for name in ("s1", "s2"))
        s1, s2 = (draw.dtype.type(sign) * part.astype(draw.dtype) * binades for part in near)
        return s1, s2

    return make


def _near_ties() -> Iterator[SelectionCase]:
    """A selection that drops candidates, or that compares fewer bits, shows where many half scores are nearly equal."""
    for bits in (2, 5, 8, 11):
        for sign, word in ((1.0, "above"), (-1.0, "below")):
            yield SelectionCase(f"near.{bits}.{word}", 1024, 33, _near(bits, sign), size=1, everywhere=1)


def _sorted(step: int) -> Build:
    """Half scores in rising or falling order."""

    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        s1, s2 = (np.sort(draw.full(name, (4, n)), -1)[:, ::step] for name in ("s1", "s2"))
        return s1.copy(), s2.copy()

    return make


def _constant(draw: Draw, n: int) -> tuple[Array, Array]:
    """All half scores are equal, and negative."""
    return np.full((3, n), -2.5, draw.dtype), np.full((3, n), -0.75, draw.dtype)


def _in_columns(draw: Draw, n: int) -> tuple[Array, Array]:
    s1, s2 = (draw.full(name, (8, n)) for name in ("s1", "s2"))
    return np.asfortranarray(s1), np.asfortranarray(s2)


def _far(exponent: float) -> Build:
    """Half scores around −2^e, and a few around 2^e: far beyond any number that stands for minus infinity."""

    def make(draw: Draw, n: int) -> tuple[Array, Array]:
        size = draw.dtype.type(2.0**exponent)
        s1, s2 = (draw.coarse(name, (8, n), significant_bits(draw.dtype) // 2, 0) - 2 for name in ("s1", "s2"))
        s1[4:, ::7] += 4
        return s1 * size, s2 * size

    return make


def _by_values() -> Iterator[SelectionCase]:
    for n, k in ((40, 9), (260, 40)):
        yield SelectionCase(f"rising.{n}", n, k, _sorted(1), size=1)
        yield SelectionCase(f"falling.{n}", n, k, _sorted(-1), size=1)
        yield SelectionCase(f"constant.{n}", n, k, _constant, size=1)
        yield SelectionCase(f"far.{n}", n, k, _far(110), size=1)
        yield SelectionCase(f"columns.{n}", n, k, _in_columns, size=1)
        yield SelectionCase(f"one.{n}", n, 1, coarse(3), size=1)
    yield SelectionCase("whole", 33, 33 * 33, coarse(6), size=1)
    yield SelectionCase("subnormal.wide", 523, 9, near_zero(7, -1), size=1, everywhere=1)


SELECTION_SIZE_CASES: tuple[SelectionCase, ...] = tuple(
    case for cases in (_by_k, _by_n, _by_ids, _by_rows, _near_ties, _by_values) for case in cases()
)
