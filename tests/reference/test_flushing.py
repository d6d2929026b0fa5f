"""SCO-4: there are four legal sums of half scores near zero, and the three selections agree for each."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerspec.reference import Flushing, select_exhaustive, select_staircase, select_two_stage
from peerspec.reference.flushing import flushed

DTYPES = [np.float16, np.float32, np.float64]


def near_zero(dtype: Any, eighths: Any) -> Any:
    """Multiples of an eighth of the least normal number."""
    return (np.array(eighths) / 8 * float(np.finfo(dtype).tiny)).astype(dtype)


@st.composite
def halves(draw: st.DrawFn) -> tuple[Any, Any, int]:
    dtype, n = draw(st.sampled_from(DTYPES)), draw(st.integers(1, 6))
    row = st.lists(st.integers(-16, 16), min_size=n, max_size=n)
    s1, s2 = (near_zero(dtype, draw(st.lists(row, min_size=2, max_size=2))) for _ in range(2))
    return s1, s2, draw(st.integers(1, n * n))


def by_definition(s1: Any, s2: Any, k: int, flush: Flushing) -> list[int]:
    """The ids of one row by SEL-1, with flushing as SCO-4 words it."""
    zero = lambda value: 0.0 if abs(value) < float(np.finfo(s1.dtype).tiny) else float(value)  # noqa: E731
    same = lambda value: float(value)  # noqa: E731
    added = zero if flush in (Flushing.ADDENDS, Flushing.HALF_SCORES) else same
    compared = zero if flush is Flushing.HALF_SCORES else same
    total = same if flush is Flushing.NOTHING else zero
    n = len(s1)

    def rank(id: int) -> tuple[float, ...]:
        i, j = divmod(id, n)
        return -total(added(s1[i]) + added(s2[j])), -compared(s1[i]), i, -compared(s2[j]), j

    return sorted(range(n * n), key=rank)[:k]


@pytest.mark.parametrize("flush", Flushing)
@given(halves())
def test_the_three_selections_are_the_definition_whatever_is_flushed(
    flush: Flushing, drawn: tuple[Any, Any, int]
) -> None:
    s1, s2, k = drawn
    expected = [by_definition(*rows, k, flush) for rows in zip(s1, s2, strict=True)]
    found = [select(s1, s2, k, flush=flush) for select in (select_exhaustive, select_two_stage, select_staircase)]
    assert all(each.indices.tolist() == expected for each in found)
    assert len({(each.scores + 0).tobytes() for each in found}) == 1


def test_each_choice_selects_other_experts_than_each_other() -> None:
    rng = np.random.default_rng(0)
    s1, s2 = (near_zero(np.float32, rng.integers(-16, 17, (64, 5))) for _ in range(2))
    found = [select_two_stage(s1, s2, 6, flush=flush).indices for flush in Flushing]
    assert all((a != b).any() for a, b in combinations(found, 2))


def test_without_flushing_subnormal_sums_are_ordered() -> None:
    s1, s2 = near_zero(np.float32, [16, 15]), near_zero(np.float32, [-15.5, -8.5])
    assert select_exhaustive(s1, s2, 2).indices.tolist() == [1, 3]
    assert select_exhaustive(s1, s2, 2, flush=Flushing.SUMS).indices.tolist() == [1, 0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_numbers_below_the_least_normal_one_become_zero(dtype: Any) -> None:
    least = np.finfo(dtype).tiny
    below = np.nextafter(least, dtype(0))
    numbers = np.array([least, -least, below, -below, 0, 1, np.inf, -np.inf], dtype)
    assert flushed(numbers).tolist() == [*numbers[:2].tolist(), 0, 0, 0, 1, np.inf, -np.inf]
    assert np.isnan(flushed(np.array([np.nan], dtype)))
