"""The selection stage alone, against sorting all N experts (SEL-1 … SEL-7)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from peerspec.backends.torch import backend
from peerspec.backends.torch.functional import select
from peerspec.backends.torch.stable_topk import stable_topk
from peerspec.reference import InputError, select_exhaustive

FEW_VALUES = [-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0**-30, 1.0 + 2.0**-20]


def bits(array):
    return array.view(np.dtype(f"u{array.dtype.itemsize}"))


def same(ours, theirs):
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_array_equal(bits(ours.scores), bits(theirs.scores))


@st.composite
def half_scores(draw):
    n, rows = draw(st.integers(1, 9)), draw(st.integers(1, 3))
    k = draw(st.integers(1, n * n))
    dtype = draw(st.sampled_from([np.float16, np.float32, np.float64]))
    values = st.one_of(st.sampled_from(FEW_VALUES), st.integers(-3, 3).map(float))
    halves = draw(st.lists(values, min_size=2 * rows * n, max_size=2 * rows * n))
    s1, s2 = np.array(halves, dtype).reshape(2, rows, n)
    return s1, s2, k


@settings(max_examples=300, derandomize=True, deadline=None)
@given(half_scores())
def test_ties_and_signed_zeros_fall_as_in_the_exhaustive_order(case):
    s1, s2, k = case
    same(backend.select(s1, s2, k), select_exhaustive(s1, s2, k))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [1, 5, 16, 40, 32 * 32])
def test_generic_scores_select_as_the_exhaustive_order(dtype, k):
    s1, s2 = np.random.default_rng(k).standard_normal((2, 20, 3, 32)).astype(dtype)
    same(backend.select(s1, s2, k), select_exhaustive(s1, s2, k))


def test_a_tie_at_the_edge_of_a_long_half_goes_to_the_lower_index():
    # 32 equal values in 256: an unstable top-k lists them in any order
    s1, s2 = np.random.default_rng(0).standard_normal((2, 24, 256)).astype(np.float32)
    s1[:, ::8] = 9.0
    s2[:, ::8] = np.where(np.arange(32) % 2, 0.0, -0.0)
    same(backend.select(s1, s2, 16), select_exhaustive(s1, s2, 16))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize(("width", "k"), [(1024, 16), (1024, 1), (128, 16), (48, 40), (7, 7)])
def test_the_largest_of_a_row_are_those_of_a_stable_sort_whatever_its_signs_ties_and_zeros(dtype, width, k):
    normal = torch.randn(40, width, generator=torch.Generator().manual_seed(width)).to(dtype)
    few = (normal * 4).round() / 4  # ties, zeros of both signs
    rare = torch.where(normal > 2.5, normal, -normal * 0)  # fewer positive values than k
    for scores in (normal, normal - 9, few, few - 9, rare):
        stable = scores.masked_fill(scores == 0, 0).sort(dim=-1, descending=True, stable=True).indices
        found = stable_topk(scores, k)
        assert torch.equal(found.positions, stable[:, :k])
        assert np.array_equal(bits(found.values.numpy()), bits(scores.gather(-1, found.positions).numpy()))


def test_a_zero_of_either_sign_ties_with_the_other_and_keeps_its_own_sum():
    s1, s2 = np.array([-0.0, 0.0, -0.0], np.float32), np.array([-0.0, -0.0, 0.0], np.float32)
    ours = backend.select(s1, s2, 9)
    np.testing.assert_array_equal(ours.indices, np.arange(9))
    same(ours, select_exhaustive(s1, s2, 9))


@pytest.mark.parametrize("k", [1, 3, 7, 25])
@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_non_finite_rows_keep_ids_distinct_and_in_range_and_leave_other_rows_alone(k, poison):
    s1, s2 = np.random.default_rng(1).standard_normal((2, 6, 5)).astype(np.float32)
    clean = backend.select(s1, s2, k)
    s1[2], s2[4, 1] = poison, poison
    got = backend.select(s1, s2, k)
    assert got.indices.min() >= 0
    assert got.indices.max() < 25
    assert all(len(set(row)) == k for row in got.indices)
    others = [0, 1, 3, 5]
    np.testing.assert_array_equal(got.indices[others], clean.indices[others])
    np.testing.assert_array_equal(bits(got.scores[others]), bits(clean.scores[others]))


@pytest.mark.parametrize("lead", [(), (0,), (2, 0, 3), (2, 1, 3)])
def test_any_leading_axes_are_kept(lead):
    s1, s2 = np.random.default_rng(2).standard_normal((2, *lead, 4)).astype(np.float32)
    got = backend.select(s1, s2, 3)
    assert got.indices.shape == got.scores.shape == (*lead, 3)
    assert got.indices.dtype == np.int64
    same(got, select_exhaustive(s1, s2, 3))


def test_scores_pass_gradients_to_the_half_scores_they_are_made_of():
    s1 = torch.tensor([3.0, 0.0, 2.0], requires_grad=True)
    s2 = torch.tensor([1.0, 0.5, -9.0], requires_grad=True)
    # the order is (0,0) 4, (0,1) 3.5, (2,0) 3
    select(s1, s2, 3).scores.backward(torch.tensor([1.0, 10.0, 100.0]))
    assert s1.grad.tolist() == [11.0, 0.0, 100.0]
    assert s2.grad.tolist() == [101.0, 10.0, 0.0]


@pytest.mark.parametrize(
    ("shapes", "dtypes", "k", "clause"),
    [
        (((2, 3), (2, 4)), ("f4", "f4"), 1, "SCO-1"),
        (((2, 3), (2, 3)), ("f4", "f8"), 1, "SCO-4"),
        (((2, 3), (2, 3)), ("f4", "f4"), 10, "CFG-3"),
        (((2, 3), (2, 3)), ("f4", "f4"), 0, "CFG-3"),
    ],
)
def test_half_scores_that_do_not_fit_are_refused_by_clause(shapes, dtypes, k, clause):
    s1, s2 = (np.zeros(shape, dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
    with pytest.raises(InputError, match=clause):
        backend.select(s1, s2, k)
