"""Selection in JAX is the definition, bit for bit (SEL-1 … SEL-4, SCO-4, IDX-1)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from peerspec.backends.jax import backend, select
from peerspec.reference import ConfigError, InputError, Layer, PeerConfig, select_exhaustive

ROWS = 12
CASES = [(1, 1), (2, 3), (3, 9), (5, 12), (7, 3)]
ULP = {np.float32: 2.0**-23, np.float64: 2.0**-52}


def assert_is_the_definition(s1, s2, k):
    got, want = backend.select(s1, s2, k), select_exhaustive(s1, s2, k)
    assert got.indices.dtype == np.int64
    assert got.scores.dtype == s1.dtype
    np.testing.assert_array_equal(got.indices, want.indices)
    np.testing.assert_array_equal(got.scores, want.scores)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_ties_signed_zeros_and_neighbours_fall_as_defined(dtype, data):
    n, k = data.draw(st.sampled_from(CASES))
    near = [0.0, -0.0, 1.0, 1 + ULP[dtype], -1.0, -1 - ULP[dtype], 0.5, 2.0, 1e30, -1e30]
    halves = arrays(dtype, (2, ROWS, n), elements=st.sampled_from([dtype(value) for value in near]))
    assert_is_the_definition(*data.draw(halves), k)


def test_many_tied_rows_fall_as_defined():
    rng = np.random.default_rng(0)
    s1, s2 = (rng.integers(-3, 4, (5, 400, 7)) / 4 * rng.choice([1, -1], (5, 400, 7)) for _ in range(2))
    assert (np.signbit(s1) & (s1 == 0)).any()
    assert_is_the_definition(s1.astype(np.float32), s2.astype(np.float32), 11)


def test_a_negative_zero_ranks_with_a_positive_zero():
    s1, s2 = np.float32([[-0.0, 0.0, -0.0]]), np.float32([[-0.0, -0.0, 0.0]])
    np.testing.assert_array_equal(backend.select(s1, s2, 9).indices, [np.arange(9)])


def test_a_tie_made_by_rounding_goes_to_the_larger_first_half():
    s1, s2 = np.float32([[1, 1 + 2**-23]]), np.float32([[2**24, 0]])
    np.testing.assert_array_equal(backend.select(s1, s2, 2).indices, [[2, 0]])


def test_a_wide_row_of_a_million_experts_falls_as_defined():
    rng = np.random.default_rng(1)
    s1, s2 = rng.integers(-40, 40, (2, 1, 1024)).astype(np.float32)
    assert_is_the_definition(s1, s2, 16)


def test_ids_beyond_32_bits_are_right():
    n = 46_341  # the least n with n² > 2³¹
    s1, s2 = np.zeros((2, n), np.float32)
    s1[-1] = s2[-1] = 1
    assert backend.select(s1, s2, 1).indices == n * n - 1
    with pytest.raises(ConfigError, match=r"64-bit.*enable_x64.*IDX-1"):
        select(jnp.asarray(s1), jnp.asarray(s2), 1)


def test_ids_stay_in_range_when_half_scores_are_not_numbers():
    s1 = np.float32([[np.nan] * 3, [np.nan, 1, -np.nan], [np.inf, -np.inf, 0]])
    ids = backend.select(s1, s1[::-1], 5).indices
    assert ids.min() >= 0
    assert ids.max() < 9


@pytest.mark.parametrize("key_heads", [1, 2])
def test_a_score_is_the_sum_of_rounded_half_scores_even_where_they_are_single_products(key_heads):
    # d = 2: a half score is one product, which a compiler could fuse with the sum.
    config = PeerConfig(1, 2, 64, 8, 2, key_heads=key_heads)
    layer = Layer.random(config, seed=3)
    x = np.random.default_rng(0).standard_normal((200, 1)).astype(np.float32)
    q = x[:, None] * layer.params["query.weight"][..., 0]
    keys = np.broadcast_to(layer.params["keys"], (2, 2, 8, 1))[..., 0]
    want = select_exhaustive(q[..., :1] * keys[:, 0], q[..., 1:] * keys[:, 1], 8)
    got = backend.forward(layer, x)
    np.testing.assert_array_equal(got.indices, want.indices)
    np.testing.assert_array_equal(got.scores, want.scores)


def test_gradients_flow_through_the_scores_and_not_through_the_ids():
    s1, s2 = jnp.float32([3, 1, 2]), jnp.float32([0, 5, 4])
    dy = jnp.float32([10, 100])
    d1, d2 = jax.jit(jax.grad(lambda a, b: select(a, b, 2).scores @ dy, argnums=(0, 1)))(
        s1, s2
    )  # ids (0, 1) and (0, 2)
    np.testing.assert_array_equal(d1, [110, 0, 0])
    np.testing.assert_array_equal(d2, [0, 10, 100])


@pytest.mark.parametrize(
    ("s1", "s2", "k", "message"),
    [
        (np.zeros(3, np.float32), np.zeros(4, np.float32), 1, r"one shape.*\(3,\) and \(4,\)"),
        (np.zeros(3, np.float16), np.zeros(3, np.float16), 1, r"float32 or both float64.*float16"),
        (np.zeros(3, np.float32), np.zeros(3, np.float64), 1, r"float32 or both float64"),
        (np.zeros(3, np.float32), np.zeros(3, np.float32), 10, r"1\.\.N = 1\.\.9, got 10"),
        (np.zeros((), np.float32), np.zeros((), np.float32), 1, r"one shape"),
    ],
)
def test_unusable_half_scores_are_refused_in_one_sentence(s1, s2, k, message):
    with pytest.raises(InputError, match=message):
        backend.select(s1, s2, k)
