"""The selection theorem, tested on all pairs of half-score vectors of toy floating-point formats.

A format with E exponent bits and F fraction bits has subnormals, both zeros and infinities, and rounds in each of four
directions. Non-increasing vectors are enough: scores are compared by value and ids break ties, so that the result for
permuted half scores is the result for sorted ones with other ids, if equal scores keep their order. The smallest case
tests this with all vectors.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from itertools import combinations_with_replacement, product
from math import inf
from typing import Any

import numpy as np
import pytest

from peerspec.reference import select_exhaustive, select_staircase, select_two_stage

Add = Callable[[Any, Any], Any]


def finite_values(exponent_bits: int, fraction_bits: int) -> list[float]:
    """All finite values in increasing order, with −0 and +0; the sum of two is exact in a Python float."""
    steps = 1 << fraction_bits
    magnitudes = [f / steps for f in range(steps)]  # subnormals have the exponent of the smallest normal number, here 0
    magnitudes += [(1 + f / steps) * 2.0**e for e in range(2**exponent_bits - 2) for f in range(steps)]
    return [-m for m in reversed(magnitudes)] + magnitudes


def round_to(values: list[float], x: float, direction: str) -> float:
    """x rounded to a value of the format, or to infinity if it overflows, as IEEE 754 defines."""
    if x < 0:
        mirrored = {"up": "down", "down": "up"}.get(direction, direction)
        return -round_to(values, -x, mirrored)
    positive = values[len(values) // 2 :]
    at = bisect_left(positive, x)
    if at < len(positive) and positive[at] == x:
        return x
    low = positive[at - 1]
    spacing = positive[-1] - positive[-2]
    high = positive[at] if at < len(positive) else positive[-1] + spacing
    overflow = inf if at >= len(positive) else high
    if direction in ("down", "zero"):
        return low
    if direction == "up":
        return overflow
    if x - low != high - x:  # to nearest
        return low if x - low < high - x else overflow
    return low if (at - 1) % 2 == 0 else overflow  # a tie: the even fraction, and the position has its parity


def adder(values: list[float], direction: str) -> Add:
    """A table of sums, on positions in ``values``."""
    table = np.array([[round_to(values, a + b, direction) for b in values] for a in values])
    return lambda a, b: table[a, b]


def exhaustive(s1: Any, s2: Any, t1: Any, t2: Any, add: Add) -> Any:
    """All ids in the order of SEL-1: ``add`` adds the entries of ``t``, and the entries of ``s`` are compared."""
    n = s1.shape[-1]
    i, j = (grid.ravel() for grid in np.indices((n, n)))
    keys = (j, -s2[:, j], i, -s1[:, i], -add(t1[:, i], t2[:, j]))
    return np.lexsort([np.broadcast_to(key, keys[-1].shape) for key in keys], axis=-1)


def staged(s1: Any, s2: Any, t1: Any, t2: Any, add: Add, k: int, *, stairs: bool) -> Any:
    """The k best cells of the grid of ranks, or of its staircase, by (sum descending, position ascending)."""
    n = s1.shape[-1]
    cells = [(a, b) for a, b in product(range(min(k, n)), repeat=2) if not stairs or (a + 1) * (b + 1) <= k]
    a, b = np.array(cells).T
    i = np.argsort(-s1, axis=-1, kind="stable")[:, a]
    j = np.argsort(-s2, axis=-1, kind="stable")[:, b]
    total = add(np.take_along_axis(t1, i, -1), np.take_along_axis(t2, j, -1))
    first = np.argsort(-total, axis=-1, kind="stable")[:, :k]
    return np.take_along_axis(i * n + j, first, -1)


def all_pairs(vectors: list[tuple[int, ...]]) -> tuple[Any, Any]:
    v = np.array(vectors)
    return np.repeat(v, len(v), 0), np.tile(v, (len(v), 1))


def every_order(count: int, n: int) -> list[tuple[int, ...]]:
    return list(product(range(count), repeat=n))


def non_increasing(count: int, n: int) -> list[tuple[int, ...]]:
    return list(combinations_with_replacement(range(count - 1, -1, -1), n))


DIRECTIONS = ["nearest", "zero", "up", "down"]


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    ("bits", "n", "vectors"),
    [((2, 1), 2, every_order), ((3, 1), 2, non_increasing), ((2, 1), 3, non_increasing)],
    ids=["n2-every-order", "n2-wider-format", "n3"],
)
def test_the_three_selections_agree_on_every_input(direction: str, bits: tuple[int, int], n: int, vectors: Any) -> None:
    values = finite_values(*bits)
    add, value = adder(values, direction), np.array(values)
    t1, t2 = all_pairs(vectors(len(values), n))
    s1, s2 = value[t1], value[t2]
    order = exhaustive(s1, s2, t1, t2, add)
    for k in range(1, n * n + 1):
        assert (staged(s1, s2, t1, t2, add, k, stairs=False) == order[:, :k]).all()
        assert (staged(s1, s2, t1, t2, add, k, stairs=True) == order[:, :k]).all()


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_lowest_id_wins_ties_has_no_such_property(direction: str) -> None:
    """With this order two stages lose experts: rounding makes ties whose lower id is not among the k best of a half."""
    values = finite_values(2, 1)
    add, value = adder(values, direction), np.array(values)
    t1, t2 = all_pairs(every_order(len(values), 2))
    n, ids = 2, np.arange(4)
    total = add(t1[:, ids // n], t2[:, ids % n])
    by_id = np.argsort(-total, axis=-1, kind="stable")[:, :1]
    in_grid = staged(value[t1], value[t2], t1, t2, add, 1, stairs=False)  # k = 1: one cell, whatever breaks ties
    lost = (by_id != in_grid)[:, 0]
    assert lost.any()
    same_sum = np.take_along_axis(total, by_id, -1) == np.take_along_axis(total, in_grid, -1)
    assert same_sum.all()  # only ties differ


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_rounding_of_the_toy_format_is_monotone_and_exact_on_its_values(direction: str) -> None:
    values = finite_values(3, 2)
    assert [round_to(values, v, direction) for v in values] == values
    grid = np.arange(-2 * values[-1], 2 * values[-1], 1 / 64)
    rounded = [round_to(values, float(x), direction) for x in grid]
    assert rounded == sorted(rounded)


def test_the_toy_format_rounds_as_binary16() -> None:
    """A format with E = 5 and F = 10 equals binary16 of NumPy, except for a power of two."""
    values, rng = finite_values(5, 10), np.random.default_rng(0)
    unit = 2.0**-14  # the least normal number of binary16 is the toy format's 1
    for x in np.concatenate([rng.uniform(-2, 2, 200), rng.uniform(-7e4, 7e4, 200), [65519.0, 65520.0, 2.0**-25]]):
        with np.errstate(over="ignore"):
            assert round_to(values, float(x) / unit, "nearest") * unit == float(np.float16(x))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 2, 5, 11, 25])
def test_the_reference_is_these_selections_with_ieee_addition(dtype: Any, k: int) -> None:
    rng = np.random.default_rng(k)
    big = np.finfo(dtype).max.astype(np.float64) / 8
    pool = np.array([0.0, -0.0, 1, -1, 3, big, -big, 1e-4, 1 + float(np.finfo(dtype).eps)]).astype(dtype)
    s1, s2 = pool[rng.integers(0, len(pool), (2, 400, 5))]
    order = exhaustive(s1, s2, s1, s2, np.add)[:, :k]
    assert (select_exhaustive(s1, s2, k).indices == order).all()
    assert (select_two_stage(s1, s2, k).indices == staged(s1, s2, s1, s2, np.add, k, stairs=False)).all()
    assert (select_staircase(s1, s2, k).indices == staged(s1, s2, s1, s2, np.add, k, stairs=True)).all()
    assert (select_two_stage(s1, s2, k).indices == order).all()
