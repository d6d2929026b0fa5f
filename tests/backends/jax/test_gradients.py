"""Gradients through the contract of a backend (GRD-1 … GRD-7)."""

import jax
import numpy as np
import pytest

from peerspec.backends.jax import backend, params_from_layer
from peerspec.backends.jax import forward as jax_forward
from peerspec.backends.jax.optim import value_and_grad
from peerspec.reference import DTYPES, InputError, forward, gradients
from peerspec.reference.config import STATISTICS

OPTIONS = [
    {"activation": "gelu"},
    {"activation": "gelu_tanh", "gate": "sigmoid", "query_norm": "layer"},
    {"activation": "silu", "expert": "glu", "key_heads": 3, "query_bias": True, "query_norm": "batch"},
]


def batch(layer, tokens, seed=0):
    rng = np.random.default_rng(seed)
    sizes = (layer.config.d_model, layer.config.d_out)
    return [rng.standard_normal((tokens, size)).astype(np.float32).astype(layer.dtype) for size in sizes]


EXACT = [
    ({"expert": "glu", "query_bias": True}, "bfloat16"),
    ({"expert": "glu"}, "float16"),
    ({"key_heads": 3}, "float32"),
]


@pytest.mark.parametrize(("options", "dtype"), EXACT, ids=str)
def test_exact_data_give_exact_gradients_rounded_once(make_integer_layer, dtype, options):
    dtype = DTYPES[dtype]
    layer = make_integer_layer(dtype, tied=True, **options)
    rng = np.random.default_rng(0)
    x, dy = rng.integers(-2, 3, (40, 5)).astype(dtype), rng.integers(-2, 3, (40, 7)).astype(dtype)
    got, want = backend.gradients(layer, x, dy), gradients(layer, x, dy)
    assert set(got) == set(want)
    for name in want:
        assert got[name].dtype == dtype
        np.testing.assert_array_equal(got[name], want[name].astype(dtype), err_msg=name)
    used = np.unique(forward(layer, x).indices)
    unused = np.setdiff1d(np.arange(16), used)
    assert unused.size
    for name in ("experts.u", "experts.v"):
        assert not got[name][unused].any()
        assert got[name][used].any()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_distance_to_the_reference_is_rounding(make_layer, options):
    """Rounding shrinks with the unit roundoff, by 2⁻²⁹ from float32 to float64; a wrong formula does not shrink.

    Half of those bits are a margin for single roundings.
    """
    errors = []
    for dtype in (np.float32, np.float64):
        layer = make_layer(dtype, **options)
        x, dy = batch(layer, 6)
        mask = np.arange(6) != 2
        got = backend.gradients(layer, x, dy, mask=mask)
        want = gradients(layer, x, dy, mask=mask)
        assert set(got) == set(want)
        errors.append({name: np.abs(got[name] - want[name]).max() for name in want})
    for name in want:
        assert errors[1][name] < max(errors[0][name], 2**-24) * 2.0**-15, (name, errors)


def test_one_expert_a_head_leaves_the_softmax_router_without_gradient(make_layer):
    layer = make_layer(top_k=1, query_bias=True, query_norm="batch")
    grads = backend.gradients(layer, *batch(layer, 6))
    for name in ("query.weight", "query.bias", "query_norm.scale", "query_norm.bias", "keys"):
        assert not grads[name].any(), name
    assert grads["experts.u"].any()
    assert grads["x"].any()


def test_the_slope_of_relu_at_zero_is_zero(make_layer):
    layer = make_layer(activation="relu")
    x, dy = batch(layer, 3)
    grads = backend.gradients(layer, np.zeros_like(x), dy)
    assert not grads["experts.u"].any()
    assert not grads["x"].any()


@pytest.mark.parametrize("training", [False, True])
def test_running_statistics_are_constants_of_the_public_functions(make_layer, training):
    """Their gradient is zero by every entrance, also that of the new ones (GRD-9)."""
    layer = make_layer(query_norm="batch")
    params, x = params_from_layer(layer), batch(layer, 6)[0]

    def loss(params):
        out = jax_forward(layer.config, params, x, training=training)
        return (out.y**2).sum() + sum(array.sum() for array in (out.state or {}).values())

    for run in (jax.grad(loss), lambda params: value_and_grad(loss)(params)[1]):
        found = jax.jit(run)(params)
        assert not any(found[name].any() for name in STATISTICS)
        assert all(found[name].any() for name in ("keys", "query_norm.scale", "query.weight"))


def test_leading_axes_and_no_tokens_are_taken(make_layer):
    layer = make_layer()
    x, dy = batch(layer, 6)
    flat = backend.gradients(layer, x, dy)
    deep = backend.gradients(layer, x.reshape(2, 3, 5), dy.reshape(2, 3, 7))
    assert deep["x"].shape == (2, 3, 5)
    assert all(flat[name].tobytes() == deep[name].tobytes() for name in flat)
    none = backend.gradients(layer, x[:0], dy[:0])
    assert none["x"].shape == (0, 5)
    assert not any(none[name].any() for name in none)


def test_a_batch_without_a_token_that_counts_is_refused(make_layer):
    layer = make_layer(query_norm="batch")
    with pytest.raises(InputError, match="NRM-5"):
        backend.gradients(layer, *batch(layer, 3), mask=np.zeros(3, bool))
