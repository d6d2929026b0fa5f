"""Retrieval: half scores and selection in one operation, from queries to scores and ids (SPEC.md, chapter 2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.half_scores import half_scores
from peerspec.backends.jax.operation import operation
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
    return _in_chunks(lambda q: select_by_library(*half_scores(keys, q), k), keys, q)


def _in_chunks(select: Callable[[jax.Array], Selection], keys: jax.Array, q: jax.Array) -> Selection:
    """``select`` on chunks of tokens of equal size; zeros fill up the last chunk."""
    tokens, heads, d_key = q.shape
    count = max(1, -(-tokens * heads * 2 * keys.shape[2] // _CHUNK))
    size = -(-tokens // count)
    if count == 1 or size == 0:
        return select(q)
    padded = jnp.pad(q, ((0, count * size - tokens), (0, 0), (0, 0)))
    selections = jax.lax.map(select, padded.reshape(count, size, heads, d_key))
    return jax.tree.map(lambda array: array.reshape(count * size, heads, -1)[:tokens], selections)


def _forward(k: int, keys: jax.Array, q: jax.Array) -> tuple[Selection, Any]:
    selection: Selection = _retrieve(k, keys, q)
    return selection, (keys, q, selection.indices)


def _backward(k: int, saved: Any, cotangents: Selection) -> tuple[jax.Array, jax.Array]:
    """Sub-keys are rows of one table: each token and head selects k rows for either half (GRD-1, GRD-2)."""
    (keys, q, ids), dscores = saved, cotangents.scores
    half = keys.shape[-1]
    table, rows = keys.reshape(-1, half), _rows_of(ids, keys).reshape(-1, k)
    weights = jnp.stack((dscores, dscores)).reshape(-1, k)
    halves = jnp.stack(jnp.split(q, 2, axis=-1)).reshape(-1, half)
    dhalves = gather_sum(table, rows, weights).reshape(2, *q.shape[:2], half)
    return scatter_sum_like(table, rows, weights, halves).reshape(keys.shape), jnp.concatenate(tuple(dhalves), axis=-1)


def _rows_of(ids: jax.Array, keys: jax.Array) -> jax.Array:
    """The rows of both sub-keys of each expert, [2, T, h, k], in the table [H_k·2·n, d/2]."""
    key_heads, _, n, _ = keys.shape
    head = jnp.arange(ids.shape[1])[:, None] if key_heads > 1 else 0
    return jnp.stack([(2 * head + side) * n + key for side, key in enumerate(jnp.divmod(ids, n))])


_retrieve: Any = operation(core=_by_core, library=_by_library, forward=_forward, backward=_backward, num_static=1)
