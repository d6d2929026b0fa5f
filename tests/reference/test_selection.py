"""Selection on IEEE formats: the three algorithms, compared with a plain sort and with each other."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from peerspec.reference import Flushing, InputError, select_exhaustive, select_staircase, select_two_stage
from peerspec.reference.selection import staircase_cells

SELECTS = (select_exhaustive, select_two_stage, select_staircase)


def plain_order(s1: Any, s2: Any) -> list[int]:
    """The order of SEL-1, by sorting tuples; Python compares −0 and +0 as equal."""
    n = len(s1)
    with np.errstate(over="ignore"):
        keys = [(-(s1[i] + s2[j]), -s1[i], i, -s2[j], j) for i in range(n) for j in range(n)]
    return [i * n + j for *_, i, _, j in sorted(keys)]


@st.composite
def half_scores(draw: st.DrawFn, dtype: Any) -> tuple[Any, Any, int]:
    """Values from a small pool, so that ties are common, with both zeros, subnormals and the greatest numbers."""
    info = np.finfo(dtype)
    special = [0.0, -0.0, 1.0, -1.0, float(info.smallest_subnormal), float(info.tiny), float(info.max), 1e-3]
    width = info.bits
    anything = st.floats(allow_nan=False, allow_infinity=False, width=width)
    pool = [*draw(st.lists(anything | st.sampled_from(special), min_size=1, max_size=4)), 0.0, -0.0]
    n = draw(st.integers(1, 8))
    vectors = hnp.arrays(dtype, n, elements=st.sampled_from(pool), fill=st.nothing())
    return draw(vectors), draw(vectors), draw(st.integers(1, n * n))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@settings(max_examples=300, deadline=None, derandomize=True)
@given(data=st.data())
def test_the_three_algorithms_return_the_first_k_of_the_order_to_the_bit(dtype: Any, data: Any) -> None:
    s1, s2, k = data.draw(half_scores(dtype))
    expected = plain_order(s1, s2)[:k]
    with np.errstate(over="ignore"):
        sums = [s1[e // len(s1)] + s2[e % len(s1)] for e in expected]
        for select in SELECTS:
            scores, ids = select(s1, s2, k)
            assert ids.tolist() == expected
            assert ids.dtype == np.int64
            assert scores.dtype == dtype
            assert scores.tobytes() == np.array(sums, dtype).tobytes()


@pytest.mark.parametrize("select", SELECTS)
def test_the_case_checked_by_hand_comes_out(select: Any) -> None:
    scores, ids = select(np.array([1.0, 0.0, -1.0]), np.array([0.5, -0.5, 2.0]), 2)
    assert ids.tolist() == [2, 5]
    assert scores.tolist() == [3.0, 2.0]


@pytest.mark.parametrize("select", SELECTS)
@pytest.mark.parametrize(
    ("s1", "s2", "expected"),
    [
        ([0, 0, 0], [0, 0, 0], [0, 1, 2, 3]),  # all tie: row by row
        ([1, 2], [2, 1], [2, 3, 0]),  # equal sums: the larger s1 wins, not the lower id
        ([2, 1], [1, 2], [1, 0, 3]),
        ([0.0, -0.0], [-0.0, 0.0], [0, 1, 2, 3]),  # -0 equals +0 (SEL-4)
        ([-0.0, 0.0], [0.0, -0.0], [0, 1, 2, 3]),
        ([5, 5, -9], [0, 0, 0], [0, 1, 2, 3]),  # equal s1: the lower i
        ([7], [-3], [0]),
    ],
)
def test_ties_are_resolved_as_the_order_says(select: Any, s1: Any, s2: Any, expected: list[int]) -> None:
    assert select(np.array(s1, float), np.array(s2, float), len(expected)).indices.tolist() == expected


@pytest.mark.parametrize("select", SELECTS)
def test_every_row_is_selected_separately(select: Any) -> None:
    rng = np.random.default_rng(0)
    s1, s2 = rng.integers(-2, 3, (2, 2, 3, 5)).astype(np.float32)
    scores, ids = select(s1, s2, 7)
    assert scores.shape == ids.shape == (2, 3, 7)
    for at in np.ndindex(2, 3):
        assert ids[at].tolist() == plain_order(s1[at], s2[at])[:7]


@pytest.mark.parametrize("select", SELECTS)
def test_an_empty_batch_gives_an_empty_selection(select: Any) -> None:
    assert select(np.zeros((0, 2, 4)), np.zeros((0, 2, 4)), 3).indices.shape == (0, 2, 3)


@pytest.mark.parametrize("select", SELECTS)
def test_selection_leaves_half_scores_unmodified(select: Any) -> None:
    s1, s2 = np.array([1.0, 3.0, 2.0]), np.array([0.0, -1.0, 4.0])
    s1.flags.writeable = s2.flags.writeable = False
    select(s1, s2, 4)
    assert s1.tolist() == [1, 3, 2]
    assert s2.tolist() == [0, -1, 4]


@pytest.mark.parametrize("select", SELECTS)
def test_scores_that_are_nan_still_give_distinct_ids_in_range(select: Any) -> None:
    ids = select(np.array([np.nan, 1, np.nan]), np.array([0, np.nan, 2.0]), 5).indices
    assert len(set(ids.tolist())) == 5
    assert set(ids.tolist()) <= set(range(9))


@pytest.mark.parametrize(("k", "n", "cells"), [(16, 16, 50), (16, 1024, 50), (1, 4, 1), (4, 2, 4), (9, 3, 9)])
def test_the_staircase_has_the_stated_number_of_cells(k: int, n: int, cells: int) -> None:
    a, b = staircase_cells(k, n)
    assert len(a) == cells == sum(min(k // (r + 1), n) for r in range(min(k, n)))
    assert ((a + 1) * (b + 1) <= k).all()
    assert max(a.max(), b.max()) < min(k, n)


def test_the_staircase_is_every_cell_that_can_win_in_row_major_order() -> None:
    for n, k in ((n, k) for n in range(1, 10) for k in range(1, 82) if k <= n * n):
        ranks = range(min(k, n))
        expected = [(a, b) for a in ranks for b in ranks if (a + 1) * (b + 1) <= k]
        assert list(zip(*staircase_cells(k, n), strict=True)) == expected


@pytest.mark.parametrize("select", SELECTS)
@pytest.mark.parametrize(
    ("s1", "s2", "k", "message"),
    [
        (np.zeros(3), np.zeros(4), 1, r"one shape \[\.\.\., n\], got \(3,\) and \(4,\)"),
        (np.zeros(()), np.zeros(()), 1, "one shape"),
        (np.zeros((2, 0)), np.zeros((2, 0)), 1, "one shape"),
        (np.zeros(3), np.zeros(3, np.float32), 1, "one dtype, got float64 and float32"),
        (np.zeros(3), np.zeros(3), 0, r"k must lie in 1\.\.N = 1\.\.9, got 0"),
        (np.zeros(3), np.zeros(3), 10, r"k must lie in 1\.\.N = 1\.\.9, got 10"),
    ],
)
def test_half_scores_that_do_not_fit_are_refused(select: Any, s1: Any, s2: Any, k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        select(s1, s2, k)


@pytest.mark.parametrize("select", SELECTS)
def test_scores_that_are_not_finite_are_no_reason_to_warn(select: Any) -> None:
    """A warning is an error here."""
    s1, s2 = np.array([np.inf, -np.inf, 1e308]), np.array([-np.inf, np.inf, 1e308])
    for flush in Flushing:
        ids = select(s1, s2, 9, flush=flush).indices
        assert sorted(ids) == list(range(9))
