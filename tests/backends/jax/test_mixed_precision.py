"""Mixed precision and running statistics: the dtypes of parameters, tokens and results (PAR-5, PRC-6)."""

from contextlib import nullcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.constant_query import ACCURACY, STEPS, constant_query_layer
from support.constant_query import tokens as constant_tokens

from peerspec.backends.jax import forward, init, layer_from_params, library_operations, params_from_layer
from peerspec.reference import InputError, PeerConfig, TableError
from peerspec.reference.config import STATISTICS

NARROW = [jnp.bfloat16, jnp.float16]


def step(layer, x):
    """The output, and the gradients of the sum of y by the learned parameters and by x."""
    params = params_from_layer(layer)
    fixed = {name: params.pop(name) for name in STATISTICS if name in params}

    def output(learned, x):
        out = forward(layer.config, {**learned, **fixed}, x, training=True)
        return out.y.astype(jnp.float32).sum(), out

    (_, out), (grads, dx) = jax.jit(jax.value_and_grad(output, argnums=(0, 1), has_aux=True))(params, x)
    return out, grads, dx


@pytest.mark.parametrize("core", [False, True])
@pytest.mark.parametrize("dtype", NARROW)
def test_narrow_tokens_beside_float32_parameters_give_the_wide_result_rounded_once(make_integer_layer, dtype, core):
    """All sums are exact, so no other rounding is left."""
    layer = make_integer_layer(np.float32, tied=True)
    x = jnp.asarray(np.random.default_rng(0).integers(-2, 3, (4, 5)), dtype)
    with nullcontext() if core else library_operations():
        (out, grads, dx), (wide, wide_grads, wide_dx) = step(layer, x), step(layer, x.astype(jnp.float32))
    assert out.y.dtype == dx.dtype == dtype
    np.testing.assert_array_equal(out.y, wide.y.astype(dtype))
    np.testing.assert_array_equal(dx, wide_dx.astype(dtype))
    jax.tree.map(np.testing.assert_array_equal, (out.scores, out.gates, grads), (wide.scores, wide.gates, wide_grads))


@pytest.mark.parametrize("dtype", NARROW)
def test_in_mixed_precision_all_but_y_and_the_gradient_of_x_is_float32(make_layer, dtype):
    layer = make_layer(np.float32, query_norm="batch", query_bias=True)
    out, grads, dx = step(layer, jnp.ones((4, 5), dtype))
    assert out.y.dtype == dx.dtype == dtype
    wide = (out.scores, out.gates, *out.state.values(), *grads.values())
    assert {array.dtype for array in wide} == {jnp.dtype(jnp.float32)}


def test_other_pairs_of_dtypes_are_refused(make_layer):
    layer = make_layer(np.float32, query_norm="batch")
    params, x = params_from_layer(layer), jnp.zeros((2, 5))
    narrow = {name: array.astype(jnp.bfloat16) for name, array in params.items()}
    with pytest.raises(TableError, match=r"'query_norm.mean'\] must be float32 beside keys of bfloat16, got bfloat16"):
        forward(layer.config, narrow, x.astype(jnp.bfloat16))
    right = {name: params[name] if name in STATISTICS else array for name, array in narrow.items()}
    with pytest.raises(InputError, match=r"x must be bfloat16 for params of bfloat16, got float32; .*PAR-5"):
        forward(layer.config, right, x)
    assert forward(layer.config, right, x.astype(jnp.bfloat16)).y.dtype == jnp.bfloat16


@pytest.mark.parametrize("dtype", NARROW)
def test_new_parameters_make_a_layer_with_statistics_in_the_compute_dtype(dtype):
    config = PeerConfig(3, 2, 9, 2, 4, query_norm="batch")
    params = init(config, jax.random.key(0), dtype)
    assert {name for name, array in params.items() if array.dtype == jnp.float32} == set(STATISTICS)
    assert layer_from_params(config, params).params["query_norm.var"].dtype == np.float32


@pytest.mark.parametrize("dtype", [jnp.float32, *NARROW])
def test_the_running_mean_of_a_constant_becomes_the_constant(dtype):
    """PAR-5: kept in bfloat16, the average of a constant 1 stalls at 0.984."""
    layer = constant_query_layer(jnp.dtype(dtype))
    params, x = params_from_layer(layer), jnp.asarray(constant_tokens(np.float32)).astype(dtype)
    step = jax.jit(lambda params: forward(layer.config, params, x, training=True).state)
    for _ in range(STEPS):
        params |= step(params)
    assert abs(params["query_norm.mean"] - 1).max() <= ACCURACY
    assert params["query_norm.var"].max() <= ACCURACY
