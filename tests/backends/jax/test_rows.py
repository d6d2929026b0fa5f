"""``gather_dot``, ``gather_sum`` and ``scatter_sum`` against the formula on exact data, in one step and in many."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.paths import both_paths

from peerspec.backends.jax import library_operations, rows

path = both_paths(library_operations)


@pytest.fixture(params=[1, 2**17], ids=["one pair at a time", "all pairs at once"])
def case(request, monkeypatch):
    monkeypatch.setattr(rows, "MAX_GATHERED", request.param)
    rng = np.random.default_rng(0)
    table, weights, x, y = (rng.integers(-4, 5, s).astype(np.float32) for s in ((11, 5), (7, 6), (7, 5), (7, 6)))
    return (
        jnp.asarray(table),
        jnp.asarray(rng.integers(0, 11, (7, 6))),
        jnp.asarray(weights),
        jnp.asarray(x),
        y,
    )


def formula(table, ids, weights, x):
    return jnp.einsum("ts,tsd,td->", weights, table[ids], x)


def test_each_product_is_a_partial_derivative_of_the_form(case):
    table, ids, weights, x, _ = case
    dtable, dweights, dx = jax.grad(formula, argnums=(0, 2, 3))(table, ids, weights, x)
    np.testing.assert_array_equal(rows.gather_dot(table, ids, x), dweights)
    np.testing.assert_array_equal(rows.gather_sum(table, ids, weights), dx)
    np.testing.assert_array_equal(rows.scatter_sum_like(table, ids, weights, x), dtable)


def test_each_derivative_is_that_of_the_form(case):
    table, ids, weights, x, _ = case
    want = jax.grad(formula, argnums=(0, 2, 3))(table, ids, weights, x)
    forms = {
        "gather_dot": lambda t, w, x: (rows.gather_dot(t, ids, x) * w).sum(),
        "gather_sum": lambda t, w, x: (rows.gather_sum(t, ids, w) * x).sum(),
        "scatter_sum": lambda t, w, x: (rows.scatter_sum_like(table, ids, w, x) * t).sum(),
    }
    for name, form in forms.items():
        got = jax.grad(form, argnums=(0, 1, 2))(table, weights, x)
        for ours, theirs in zip(got, want, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
