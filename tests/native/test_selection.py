"""SEL-1 … SEL-7, NFT-3: the core's selection is the reference's, bit for bit, on every instruction set."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from peerspec import native
from peerspec.reference import InputError, select_exhaustive

from .conftest import ISAS

SIZES = (1, 3, 17, 64, 127, 128, 130)


@st.composite
def half_scores(draw: st.DrawFn) -> tuple[NDArray[np.floating], NDArray[np.floating], int]:
    """Half scores with many ties, −0 and +0 included, or without ties; k up to N."""
    n = draw(st.sampled_from(SIZES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from((np.float32, np.float64)))
    s1, s2 = rng.standard_normal((2, 2, n)).astype(dtype)
    if draw(st.booleans()):
        choice = np.array([-1.0, -0.0, 0.0, 1.0, 2.0], dtype)
        s1, s2 = rng.choice(choice, (2, 2, n))
    return s1, s2, draw(st.sampled_from([k for k in (1, 2, 16, 32, 33, n + 1, n * n) if k <= n * n]))


@settings(max_examples=60, deadline=None)
@given(half_scores())
def test_equals_the_exhaustive_selection(case: tuple[NDArray[np.floating], NDArray[np.floating], int]) -> None:
    s1, s2, k = case
    want = select_exhaustive(s1, s2, k)
    for isa in ISAS:
        got = native.select(s1, s2, k, isa=isa)
        np.testing.assert_array_equal(got.indices, want.indices)
        assert got.scores.tobytes() == want.scores.tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_it_for_long_halves_where_only_candidates_are_ranked(isa: str, dtype: type) -> None:
    rng = np.random.default_rng(0)
    s1, s2 = rng.standard_normal((2, 6, 1000)).astype(dtype)
    s1[3:] = s1[3:].round(1)  # many ties at the threshold
    s2[4:] = 0.25
    want = select_exhaustive(s1, s2, 16)
    for threads in (1, 2, 3):
        got = native.select(s1, s2, 16, isa=isa, threads=threads)
        np.testing.assert_array_equal(got.indices, want.indices)
        assert got.scores.tobytes() == want.scores.tobytes()


@pytest.mark.parametrize("k", [1, 16, 40])
@pytest.mark.parametrize("n", [5, 200])
def test_ids_stay_distinct_and_in_range_whatever_the_scores(isa: str, n: int, k: int) -> None:
    rng = np.random.default_rng(1)
    specials = np.array([np.nan, np.inf, -np.inf, 1.0, 3e38], np.float32)
    k = min(k, n * n)
    for s1, s2 in (
        rng.choice(specials, (2, 20, n)),
        np.full((2, 1, n), np.nan, np.float32),
        np.full((2, 1, n), -np.inf, np.float32),
    ):
        ids = native.select(s1, s2, k, isa=isa).indices
        assert ids.min() >= 0
        assert ids.max() < n * n
        assert all(len(set(row)) == k for row in ids.tolist())


def test_a_row_does_not_affect_others() -> None:
    rng = np.random.default_rng(2)
    s1, s2 = rng.standard_normal((2, 50, 128)).astype(np.float32)
    clean = native.select(s1, s2, 16).indices
    s1[7], s2[31] = np.nan, np.inf
    dirty = native.select(s1, s2, 16).indices
    others = np.delete(np.arange(50), [7, 31])
    np.testing.assert_array_equal(clean[others], dirty[others])


def test_any_leading_axes_and_strides() -> None:
    rng = np.random.default_rng(3)
    s1, s2 = rng.standard_normal((2, 8, 3, 2)).transpose(0, 2, 3, 1)
    want = select_exhaustive(s1, s2, 5)
    np.testing.assert_array_equal(native.select(s1, s2, 5).indices, want.indices)
    assert native.select(s1[:0], s2[:0], 5).indices.shape == (0, 2, 5)
    assert native.select(s1[0, 0], s2[0, 0], 5).indices.shape == (5,)


@pytest.mark.parametrize(
    ("s1", "s2", "k", "message"),
    [
        (np.zeros(3), np.zeros(4), 1, "scores2 must be float64 of shape"),
        (np.zeros(3), np.zeros(3, np.float32), 1, "scores2 must be float64"),
        (np.zeros(3), np.zeros(3), 10, r"k must lie in 1\.\.N = 1\.\.9, got 10"),
        (np.zeros(0), np.zeros(0), 1, "half scores must have shape"),
        (np.zeros(3, np.float16), np.zeros(3, np.float16), 1, "float32 or float64"),
    ],
)
def test_half_scores_that_do_not_fit_are_errors(
    s1: NDArray[np.floating], s2: NDArray[np.floating], k: int, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        native.select(s1, s2, k)
