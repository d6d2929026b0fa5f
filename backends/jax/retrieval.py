"""Retrieval: half scores and selection in one operation, from queries to scores and ids (SPEC.md, chapter 2)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.gpu.limits import MOST_PAIRS, MOST_RANKS, MOST_SELECTED, MOST_SUB_KEYS
from peerspec.backends.jax import native
from peerspec.backends.jax.chunks import in_chunks
from peerspec.backends.jax.half_scores import half_scores
from peerspec.backends.jax.operation import OnGPU, operation
from peerspec.backends.jax.rows import gather_sum, scatter_sum_like
from peerspec.backends.jax.selection import Selection, select_by_library

__all__ = ["retrieve"]

_CHUNK = 2**21
"""Half scores held at once: 8 MiB of float32, which fit the third-level cache of a small machine."""


def retrieve(keys: jax.Array, q: jax.Array, k: int) -> Selection:
    """The first k experts of each head, [T, h, k], from sub-keys [H_k, 2, n, d/2] and queries [T, h, d].

    Half scores exist for a chunk of tokens at a time.

    Raises:
        ConfigError: N exceeds 2³¹ and JAX is restricted to 32 bits.
    """
    selection: Selection = _retrieve(k, keys, q)
    return selection


def _by_core(k: int, keys: jax.Array, q: jax.Array) -> Selection:
    return Selection(*native.retrieve(k, keys, q))


def _by_library(k: int, keys: jax.Array, q: jax.Array) -> Selection:
    most = _CHUNK // (q.shape[1] * 2 * keys.shape[2])
    found: Selection = in_chunks(lambda q: select_by_library(*half_scores(keys, q), k), q, most)
    return found


def _by_gpu(k: int, keys: jax.Array, q: jax.Array) -> Selection:
    from peerspec.backends.jax.gpu.retrieval import retrieve

    return Selection(*retrieve(k, keys, q))


def _fits(k: int, keys: jax.Array, q: jax.Array) -> bool:
    return q.dtype == jnp.float32 and keys.shape[2] <= MOST_SUB_KEYS and k <= MOST_RANKS


def _forward(k: int, keys: jax.Array, q: jax.Array) -> tuple[Selection, Any]:
    selection: Selection = _retrieve(k, keys, q)
    return selection, (keys, q, selection.indices)


def _backward(k: int, saved: Any, cotangents: Selection) -> Any:
    keys, q, ids = saved
    return _retrieve_backward(k, keys, q, ids, cotangents.scores)


def _gradients(
    k: int, keys: jax.Array, q: jax.Array, ids: jax.Array, dscores: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Sub-keys are rows of one table: each token and head selects k rows for either half (GRD-1, GRD-2)."""
    half = keys.shape[-1]
    table, rows = keys.reshape(-1, half), _rows_of(ids, keys).reshape(-1, k)
    weights = jnp.stack((dscores, dscores)).reshape(-1, k)
    halves = jnp.stack(jnp.split(q, 2, axis=-1)).reshape(-1, half)
    dhalves = gather_sum(table, rows, weights).reshape(2, *q.shape[:2], half)
    return scatter_sum_like(table, rows, weights, halves).reshape(keys.shape), jnp.concatenate(tuple(dhalves), axis=-1)


def _gradients_by_gpu(k: int, *arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
    from peerspec.backends.jax.gpu.retrieval import retrieve_backward

    return retrieve_backward(k, *arrays)


def _gradients_fit(k: int, keys: jax.Array, q: jax.Array, ids: jax.Array, dscores: jax.Array) -> bool:
    return q.dtype == jnp.float32 and k * keys.shape[-1] <= MOST_SELECTED and 2 * ids.size < MOST_PAIRS


def _second_gradients(k: int, saved: Any, cotangents: Any) -> tuple[Any, ...]:
    keys, q, ids, dscores = saved

    def gradients(keys: jax.Array, q: jax.Array, dscores: jax.Array) -> Any:
        return _gradients(k, keys, q, ids, dscores)

    dkeys, dq, ddscores = jax.vjp(gradients, keys, q, dscores)[1](cotangents)
    return dkeys, dq, None, ddscores


def _rows_of(ids: jax.Array, keys: jax.Array) -> jax.Array:
    """The rows of both sub-keys of each expert, [2, T, h, k], in the table [H_k·2·n, d/2]."""
    key_heads, _, n, _ = keys.shape
    head = jnp.arange(ids.shape[1])[:, None] if key_heads > 1 else 0
    return jnp.stack([(2 * head + side) * n + key for side, key in enumerate(jnp.divmod(ids, n))])


_retrieve: Any = operation(
    core=_by_core,
    library=_by_library,
    gpu=OnGPU(_by_gpu, _fits),
    forward=_forward,
    backward=_backward,
    num_static=1,
)
_retrieve_backward: Any = operation(
    core=_gradients,
    library=_gradients,
    gpu=OnGPU(_gradients_by_gpu, _gradients_fit),
    backward=_second_gradients,
    num_static=1,
)
