"""Products with selected rows of a table: ``gather_dot``, ``gather_sum`` and ``scatter_sum``.

They are the partial derivatives of one trilinear form by weights, x and table [N, D]:

    S(table, weights, x) = Σ_t Σ_s weights[t, s] · table[ids[t, s]] · x[t]

So the derivative of each consists of the other two. No array [T, K, D] exists: a loop over the K = h·k pairs of each
token holds a part of it. Gradients of a table are summed in the compute dtype and rounded once (PRC-2, GRD-3).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.gpu.limits import MOST_FEATURES, MOST_PAIRS
from peerspec.backends.jax import native
from peerspec.backends.jax.barrier import barrier
from peerspec.backends.jax.operation import OnGPU, operation
from peerspec.backends.jax.precision import inner_product
from peerspec.backends.jax.varying import agreed, zeros

__all__ = ["MAX_GATHERED", "gather_dot", "gather_sum", "scatter_sum", "scatter_sum_like"]

MAX_GATHERED = 2**17
"""Elements of gathered rows held at once: 512 KiB of float32, half of a common second-level cache."""


def gather_dot(table: jax.Array, ids: jax.Array, x: jax.Array) -> jax.Array:
    """table[ids[t, s]]·x[t] for every pair: [N, D], [T, K], [T, D] → [T, K], in the dtype of ``x``."""
    products: jax.Array = _gather_dot(*agreed((table, ids, x)))
    return products


@jax.custom_vjp
def _gather_dot(table: jax.Array, ids: jax.Array, x: jax.Array) -> jax.Array:

    def step(_: None, ids: jax.Array) -> tuple[None, jax.Array]:
        return None, inner_product("tgd,td->tg", _gather(table, ids, x.dtype), x)

    _, out = jax.lax.scan(step, None, _grouped(ids, table.shape[1]))
    return jnp.moveaxis(out, 0, 1).reshape(ids.shape)


def gather_sum(table: jax.Array, ids: jax.Array, weights: jax.Array) -> jax.Array:
    """Σ_s weights[t, s]·table[ids[t, s]]: [N, D], [T, K], [T, K] → [T, D], in the dtype of ``weights``."""
    y: jax.Array = _gather_sum(table, ids, weights)
    return y


def scatter_sum(num_rows: int, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    """[N, D] whose row r is the sum of weights[t, s]·x[t] over all pairs with ids[t, s] = r (GRD-2, GRD-3)."""
    table: jax.Array = _scatter_sum(num_rows, x.dtype, ids, weights, x)
    return table


def scatter_sum_like(table: jax.Array, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    """``scatter_sum`` with the number of rows and the dtype of ``table``."""
    out: jax.Array = _scatter_sum(len(table), table.dtype, ids, weights, x)
    return out


def _gather_sum_by_library(table: jax.Array, ids: jax.Array, weights: jax.Array) -> jax.Array:
    def step(y: jax.Array, group: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        ids, weights = group
        return y + inner_product("tg,tgd->td", weights, _gather(table, ids, weights.dtype)), None

    width = table.shape[1]
    y = zeros((ids.shape[0], width), weights.dtype, weights)
    return jax.lax.scan(step, y, (_grouped(ids, width), _grouped(weights, width)))[0]


def _scatter_sum_by_core(num_rows: int, dtype: Any, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    return native.scatter_add(ids, weights, x, jnp.zeros((num_rows, x.shape[1]), dtype))


def _scatter_sum_by_gpu(num_rows: int, dtype: Any, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    from peerspec.backends.jax.gpu.rows import scatter_sum

    return scatter_sum(num_rows, dtype, ids, weights, x)


def _scatter_sum_fits(num_rows: int, dtype: Any, ids: jax.Array, weights: jax.Array, x: jax.Array) -> bool:
    return x.dtype == jnp.float32 and x.shape[1] <= MOST_FEATURES and max(ids.size, num_rows) < MOST_PAIRS


def _scatter_sum_by_library(num_rows: int, dtype: Any, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    def step(out: jax.Array, group: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        ids, weights = group
        return out.at[ids].add(weights[..., None] * x[:, None, :], mode="promise_in_bounds"), None

    width = x.shape[1]
    out = zeros((num_rows, width), x.dtype, x)
    return jax.lax.scan(step, out, (_grouped(ids, width), _grouped(weights, width)))[0].astype(dtype)


def _gather(table: jax.Array, ids: jax.Array, dtype: Any) -> jax.Array:
    """The rows of ``ids``, widened to ``dtype``."""
    # XLA would widen the whole table before the loop. The barrier ties the table to the ids of this step.
    table, ids = barrier((table, ids))
    return table.at[ids].get(mode="promise_in_bounds").astype(dtype)


def _grouped(pairs: jax.Array, width: int) -> jax.Array:
    """[T, K] → [K/g, T, g] for the largest g that divides K and keeps T·g·width within ``MAX_GATHERED``."""
    tokens, count = pairs.shape
    # the number of tokens may be a symbol, in a program that is exported for all of them
    most = max(1, MAX_GATHERED // max(1, tokens * width)) if isinstance(tokens, int) else 1
    g = max(g for g in range(1, min(most, count) + 1) if count % g == 0)
    return jnp.moveaxis(pairs.reshape(tokens, count // g, g), 1, 0)


def _gather_dot_forward(table: jax.Array, ids: jax.Array, x: jax.Array) -> tuple[jax.Array, Any]:
    return gather_dot(table, ids, x), (table, ids, x)


def _gather_dot_backward(saved: Any, dout: jax.Array) -> tuple[jax.Array, None, jax.Array]:
    table, ids, x = saved
    return scatter_sum_like(table, ids, dout, x), None, gather_sum(table, ids, dout)


def _gather_sum_backward(saved: Any, dy: jax.Array) -> tuple[jax.Array, None, jax.Array]:
    table, ids, weights = saved
    return scatter_sum_like(table, ids, weights, dy), None, gather_dot(table, ids, dy)


def _scatter_sum_backward(_: int, __: Any, saved: Any, dtable: jax.Array) -> tuple[None, jax.Array, jax.Array]:
    ids, weights, x = saved
    return None, gather_dot(dtable, ids, x), gather_sum(dtable, ids, weights)


_gather_dot.defvjp(_gather_dot_forward, _gather_dot_backward)
_gather_sum: Any = operation(core=native.gather_sum, library=_gather_sum_by_library, backward=_gather_sum_backward)
_scatter_sum: Any = operation(
    core=_scatter_sum_by_core,
    library=_scatter_sum_by_library,
    gpu=OnGPU(_scatter_sum_by_gpu, _scatter_sum_fits),
    backward=_scatter_sum_backward,
    num_static=2,
)
