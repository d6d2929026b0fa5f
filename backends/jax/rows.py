"""Products with rows picked from a table, their derivatives, and no [T, K, D] in memory.

Everything the expert stage does to a table [N, D] is a partial derivative of the trilinear form

    S(table, weights, x) = Σ_t Σ_s weights[t, s] · table[ids[t, s]] · x[t]

by weights (``project``), by x (``combine``) and by table (``scatter``). So the derivative of each is made of
the other two, gradients of a table add up in float32 or float64 and are rounded once (PRC-2), and a loop over
the K = h·k slots adds into one dense table, where the transpose of a loop of gathers makes one per step. On the CPU
the native core does ``combine`` and ``scatter`` where it serves, in the same order of sums for every batch.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.barrier import barrier
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.precision import inner_product

__all__ = ["STEP", "gather_dot", "gather_sum", "scatter_sum", "scatter_sum_like"]

STEP = 2**17
"""Elements of gathered rows held at once: 512 KiB of float32, half of a common second-level cache."""


@jax.custom_vjp
def gather_dot(table: jax.Array, ids: jax.Array, x: jax.Array) -> jax.Array:
    """table[ids[t, s]]·x[t] for every pair: [N, D], [T, K], [T, D] → [T, K], in the dtype of ``x``."""

    def step(_: None, ids: jax.Array) -> tuple[None, jax.Array]:
        return None, inner_product("tgd,td->tg", _gather(table, ids, x.dtype), x)

    _, out = jax.lax.scan(step, None, _grouped(ids, table))
    return jnp.moveaxis(out, 0, 1).reshape(ids.shape)


@jax.custom_vjp
def gather_sum(table: jax.Array, ids: jax.Array, weights: jax.Array) -> jax.Array:
    """Σ_s weights[t, s]·table[ids[t, s]]: weights [T, K] → [T, D], in the dtype of ``weights``."""
    return native.dispatch(_gather_sum_core, _gather_sum_plain, table, ids, weights)


def _gather_sum_core(table: jax.Array, ids: jax.Array, weights: jax.Array) -> jax.Array:
    return _gather_sum_op(table, (ids, weights))


@over_tokens
def _gather_sum_op(table: jax.Array, pairs: tuple[jax.Array, jax.Array]) -> jax.Array:
    ids, weights = pairs
    out = native.shaped((len(ids), table.shape[1]), weights.dtype)
    return native.call("gather_sum", out)(table, ids, weights)


def _gather_sum_plain(table: jax.Array, ids: jax.Array, weights: jax.Array) -> jax.Array:
    def step(y: jax.Array, group: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        ids, weights = group
        return y + inner_product("tg,tgd->td", weights, _gather(table, ids, weights.dtype)), None

    y = jnp.zeros((ids.shape[0], table.shape[1]), weights.dtype)
    return jax.lax.scan(step, y, (_grouped(ids, table), _grouped(weights, table)))[0]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def scatter_sum(like: jax.ShapeDtypeStruct, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    """Σ of weights[t, s]·x[t] into row ids[t, s] of zeros ``like`` [N, D]; other rows stay zero (GRD-2, GRD-3)."""
    return native.dispatch(partial(_scatter_sum_core, like), partial(_scatter_sum_plain, like), ids, weights, x)


def _scatter_sum_core(like: jax.ShapeDtypeStruct, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    return native.scatter_add(ids, weights, x, jnp.zeros(like.shape, like.dtype))


def _scatter_sum_plain(like: jax.ShapeDtypeStruct, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    def step(out: jax.Array, group: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        ids, weights = group
        return out.at[ids].add(weights[..., None] * x[:, None, :], mode="promise_in_bounds"), None

    out = jnp.zeros(like.shape, x.dtype)
    return jax.lax.scan(step, out, (_grouped(ids, out), _grouped(weights, out)))[0].astype(like.dtype)


def scatter_sum_like(table: jax.Array, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    """``scatter`` into zeros of the shape and format of ``table``."""
    return scatter_sum(native.like(table), ids, weights, x)


def _gather(table: jax.Array, ids: jax.Array, dtype: Any) -> jax.Array:
    """The rows of ``ids``, widened to ``dtype``."""
    # XLA widens before it gathers, and would widen the whole table ahead of the loop: the barrier ties the
    # table to the ids of this step.
    table, ids = barrier((table, ids))
    return table.at[ids].get(mode="promise_in_bounds").astype(dtype)


def _grouped(pairs: jax.Array, table: jax.Array) -> jax.Array:
    """[T, K] → [K/g, T, g] for the largest g that divides K and keeps T·g·D within ``STEP``."""
    tokens, count = pairs.shape
    most = max(1, STEP // max(1, tokens * table.shape[1]))
    g = max(g for g in range(1, min(most, count) + 1) if count % g == 0)
    return jnp.moveaxis(pairs.reshape(tokens, count // g, g), 1, 0)


def _gather_dot_forward(table: jax.Array, ids: jax.Array, x: jax.Array) -> tuple[jax.Array, Any]:
    return gather_dot(table, ids, x), (table, ids, x)


def _gather_dot_backward(saved: Any, dout: jax.Array) -> tuple[jax.Array, None, jax.Array]:
    table, ids, x = saved
    return scatter_sum_like(table, ids, dout, x), None, gather_sum(table, ids, dout)


def _gather_sum_forward(table: jax.Array, ids: jax.Array, weights: jax.Array) -> tuple[jax.Array, Any]:
    return gather_sum(table, ids, weights), (table, ids, weights)


def _gather_sum_backward(saved: Any, dy: jax.Array) -> tuple[jax.Array, None, jax.Array]:
    table, ids, weights = saved
    return scatter_sum_like(table, ids, weights, dy), None, gather_dot(table, ids, dy)


def _scatter_sum_forward(
    like: jax.ShapeDtypeStruct, ids: jax.Array, weights: jax.Array, x: jax.Array
) -> tuple[jax.Array, Any]:
    return scatter_sum(like, ids, weights, x), (ids, weights, x)


def _scatter_sum_backward(_: jax.ShapeDtypeStruct, saved: Any, dtable: jax.Array) -> tuple[None, jax.Array, jax.Array]:
    ids, weights, x = saved
    return None, gather_dot(dtable, ids, x), gather_sum(dtable, ids, weights)


gather_dot.defvjp(_gather_dot_forward, _gather_dot_backward)
gather_sum.defvjp(_gather_sum_forward, _gather_sum_backward)
scatter_sum.defvjp(_scatter_sum_forward, _scatter_sum_backward)
