"""Retrieval and its gradients on a GPU: half scores by XLA, and the exact selection by Triton."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from peerspec.backends.gpu import launches
from peerspec.backends.gpu.limits import MOST_HALF_SCORES
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.chunks import in_chunks
from peerspec.backends.jax.gpu.launch import run
from peerspec.backends.jax.gpu.products import half_scores
from peerspec.backends.jax.gpu.rows import scatter_sum
from peerspec.backends.jax.precision import id_dtype

__all__ = ["retrieve", "retrieve_backward", "select"]


def select(k: int, scores1: jax.Array, scores2: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores and ids [..., k] of half scores [..., n]."""
    *lead, n = scores1.shape
    halves = jnp.stack((scores1.reshape(-1, n), scores2.reshape(-1, n)))[None]
    scores, ids = _selected(k, halves)
    return scores.reshape(*lead, k), ids.reshape(*lead, k)


def retrieve(k: int, keys: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores and ids [T, h, k] of queries [T, h, d]."""

    @over_tokens
    def chunked(keys: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
        heads = q.shape[1]

        def part(q: jax.Array) -> tuple[jax.Array, jax.Array]:
            scores, ids = _selected(k, half_scores(keys, q))
            return scores.reshape(-1, heads, k), ids.reshape(-1, heads, k)

        found: tuple[jax.Array, jax.Array] = in_chunks(part, q, MOST_HALF_SCORES // (2 * heads * keys.shape[2]))
        return found

    scores, ids = chunked(keys, q)
    return scores, ids


def retrieve_backward(
    k: int, keys: jax.Array, q: jax.Array, ids: jax.Array, dscores: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The gradient of the sub-keys [H_k, 2, n, d/2], and dq [T, h, d] (GRD-1, GRD-2)."""
    tokens, heads, _ = q.shape
    key_heads, _, n, half = keys.shape
    sizes = heads, key_heads, n, k
    given = (ids, dscores, keys)
    [dq] = run(launches.query_gradient(tokens, *sizes, half), given, (_like(q),))
    rows = jax.ShapeDtypeStruct((tokens * heads * 2, k), jnp.int32)  # type: ignore[no-untyped-call]  # not annotated
    [rows_of] = run(launches.sub_keys(ids.size, *sizes), (ids,), (rows,))
    weights = jnp.broadcast_to(dscores[:, :, None], (tokens, heads, 2, k)).reshape(-1, k)
    dkeys = scatter_sum(key_heads * 2 * n, keys.dtype, rows_of, weights, q.reshape(-1, half))
    return dkeys.reshape(keys.shape), dq


def _selected(k: int, halves: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Scores and ids [R, H_k, k]."""
    key_heads, _, rows, n = halves.shape
    shape = (rows, key_heads, k)
    results = (
        jax.ShapeDtypeStruct(shape, jnp.float32),  # type: ignore[no-untyped-call]  # not annotated
        jax.ShapeDtypeStruct(shape, id_dtype(n * n)),  # type: ignore[no-untyped-call]
    )
    scores, ids = run(launches.select(n, k, rows, key_heads), (halves,), results)
    return scores, ids


def _like(array: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)  # type: ignore[no-untyped-call]  # not annotated
