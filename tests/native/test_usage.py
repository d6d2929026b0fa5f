"""Counts of experts and sums of gates, compared with NumPy's own additions, one pair after the other."""

import re

import numpy as np
import pytest

from peerspec import native
from peerspec.reference import InputError

SUMS = "sums must be float64 of shape [any, 2]"


def added(sums, ids, gates, mask):
    """The sums after every pair of the counted tokens, in their order."""
    found, counted = sums.copy(), slice(None) if mask is None else mask
    np.add.at(found, (ids[counted].ravel(), 0), 1)
    np.add.at(found, (ids[counted].ravel(), 1), gates[counted].ravel())
    return found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("experts", "tokens", "pairs"), [(1, 1, 1), (9, 3, 5), (7, 0, 4), (5, 300, 128), (4099, 200, 64), (2**17, 90, 321)]
)
def test_every_number_of_threads_adds_the_same_bits(experts, tokens, pairs, dtype, masked):
    rng = np.random.default_rng(experts)
    sums, ids = rng.random((experts, 2)), rng.integers(0, experts, (tokens, pairs))
    gates, mask = rng.random((tokens, pairs)).astype(dtype), rng.random(tokens) < 0.5 if masked else None
    want = added(sums, ids, gates, mask)
    for threads in (1, 2, 3, 8):
        found = sums.copy()
        native.count_experts(found, ids, gates, mask, threads=threads)
        assert found.tobytes() == want.tobytes()


def test_gates_of_tokens_that_do_not_count_may_be_nan():
    sums = np.zeros((4, 2))
    native.count_experts(sums, np.array([[1, 2], [2, 3]]), np.array([[1, 2], [np.nan] * 2]), np.array([True, False]))
    assert sums.tolist() == [[0, 0], [1, 1], [1, 2], [0, 0]]


@pytest.mark.parametrize("id", [-1, 4, 2**62])
def test_nothing_is_added_if_an_id_is_no_expert(id):
    sums, ids = np.zeros((4, 2)), np.array([[1, 2], [3, id]])
    with pytest.raises(native.NativeError, match=re.escape("an expert id lies outside 0..N-1")):
        native.count_experts(sums, ids, np.ones((2, 2)))
    assert not sums.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sums": np.zeros((4, 3))}, f"{SUMS}, got float64 of shape [4, 3]"),
        ({"sums": np.zeros((4, 2), np.float32)}, f"{SUMS}, got float32 of shape [4, 2]"),
        ({"sums": np.zeros((2, 4)).T}, "sums is changed in place and must be C-contiguous, aligned and writeable"),
        ({"ids": np.zeros((1, 2), np.int32)}, "ids must be int64 of shape [any, any]"),
        ({"gates": np.zeros((1, 3))}, "gates must be float64 of shape [1, 2]"),
        ({"gates": np.zeros((1, 2), np.float16)}, "gates must be float32 of shape [1, 2]"),
        ({"mask": np.zeros(2, bool)}, "mask must be bool of shape [1]"),
        ({"mask": np.zeros(1)}, "mask must be bool of shape [1]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    arrays = {"sums": np.zeros((4, 2)), "ids": np.zeros((1, 2), np.int64), "gates": np.zeros((1, 2)), "mask": None}
    with pytest.raises(InputError, match=re.escape(message)):
        native.count_experts(**arrays | change)
