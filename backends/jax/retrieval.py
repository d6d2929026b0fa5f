"""Retrieval: half scores, and their selection, exact: the staircase of the reference (SCO-1, SEL-1 … SEL-4)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.barrier import barrier
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.precision import id_dtype
from peerspec.backends.jax.query import half_scores
from peerspec.backends.jax.rows import gather_sum, scatter_sum_like
from peerspec.reference import InputError
from peerspec.reference.selection import staircase_cells

__all__ = ["Selection", "retrieve", "select"]

_CHUNK = 2**21
"""Half scores held at once: 8 MiB of float32, at most the third-level cache of a small machine."""


class Selection(NamedTuple):
    """The k experts of each head, best first (SEL-2): scores [..., k] and ids [..., k], int32 if N ≤ 2³¹."""

    scores: jax.Array
    indices: jax.Array


def select(scores1: jax.Array, scores2: jax.Array, k: int) -> Selection:
    """The first k experts under the selection order, from half scores [..., n] of float32 or float64.

    Gradients flow through the scores; the ids are constant (GRD-1).

    Raises:
        InputError: half scores of different or unsuitable shape or dtype, or k outside 1..N.
        ConfigError: N exceeds 2³¹ and JAX is restricted to 32 bits.
    """
    _check(scores1, scores2, k)
    # What stands before the barrier is rounded: a score must not become one fused product and sum (SCO-2).
    halves = barrier((scores1, scores2))
    ids = native.dispatch(partial(_ids_core, k), partial(_ids_plain, k), *jax.lax.stop_gradient(halves))
    return _scores_of(*halves, ids)


def retrieve(keys: jax.Array, q: jax.Array, k: int) -> Selection:
    """The first k experts of each head, [T, h, k], from sub-keys [H_k, 2, n, d/2] and queries [T, h, d].

    Half scores exist for a chunk of tokens at a time.

    Raises:
        ConfigError: N exceeds 2³¹ and JAX is restricted to 32 bits.
    """
    return (_retrieve if native.is_supported() else _retrieve_plain)(k, keys, q)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _retrieve(k: int, keys: jax.Array, q: jax.Array) -> Selection:
    return native.dispatch(partial(_retrieve_core, k), partial(_retrieve_plain, k), keys, q)


def _retrieve_core(k: int, keys: jax.Array, q: jax.Array) -> Selection:
    return Selection(*over_tokens(partial(native.retrieve, k, id_dtype(keys.shape[2] ** 2)))(keys, q))


def _retrieve_plain(k: int, keys: jax.Array, q: jax.Array) -> Selection:
    def chunk(q: jax.Array) -> Selection:
        halves = barrier(half_scores(keys, q))
        return _scores_of(*halves, _ids_plain(k, *jax.lax.stop_gradient(halves)))

    return _in_chunks(chunk, keys, q)


def _in_chunks(work: Callable[[jax.Array], Selection], keys: jax.Array, q: jax.Array) -> Selection:
    """``work`` on chunks of tokens of one size, which the last fills with zeros."""
    tokens, heads, width = q.shape
    count = max(1, -(-tokens * heads * 2 * keys.shape[2] // _CHUNK))
    size = -(-tokens // count)
    if count == 1 or size == 0:
        return work(q)
    padded = jnp.pad(q, ((0, count * size - tokens), (0, 0), (0, 0)))
    found = jax.lax.map(work, padded.reshape(count, size, heads, width))
    return jax.tree.map(lambda array: array.reshape(count * size, heads, -1)[:tokens], found)


def _retrieve_forward(k: int, keys: jax.Array, q: jax.Array) -> tuple[Selection, Any]:
    found = _retrieve(k, keys, q)
    return found, (keys, q, found.indices)


def _retrieve_backward(k: int, saved: Any, cotangents: Selection) -> tuple[jax.Array, jax.Array]:
    """Sub-keys are rows of one table, of which each token and head picks k for either half (GRD-1, GRD-2)."""
    (keys, q, ids), dscores = saved, cotangents.scores
    key_heads, _, n, half = keys.shape
    table = keys.reshape(-1, half)
    own = jnp.arange(q.shape[1])[:, None] if key_heads > 1 else 0
    rows = jnp.stack([(2 * own + side) * n + part for side, part in enumerate(jnp.divmod(ids, n))]).reshape(-1, k)
    weights = jnp.stack((dscores, dscores)).reshape(-1, k)
    halves = jnp.stack(jnp.split(q, 2, axis=-1)).reshape(-1, half)
    dhalves = gather_sum(table, rows, weights).reshape(2, *q.shape[:2], half)
    return scatter_sum_like(table, rows, weights, halves).reshape(keys.shape), jnp.concatenate(tuple(dhalves), axis=-1)


_retrieve.defvjp(_retrieve_forward, _retrieve_backward)


def _ids_core(k: int, scores1: jax.Array, scores2: jax.Array) -> jax.Array:
    return native.select(scores1, scores2, k, id_dtype(scores1.shape[-1] ** 2))[1]


def _ids_plain(k: int, scores1: jax.Array, scores2: jax.Array) -> jax.Array:
    n = scores1.shape[-1]
    ids_of = id_dtype(n * n)
    (best1, i), (best2, j) = _best(scores1, min(k, n)), _best(scores2, min(k, n))
    a, b = staircase_cells(k, n)
    _, cells = _best(best1[..., a] + best2[..., b], k)
    ids = i[..., a].astype(ids_of) * n + j[..., b].astype(ids_of)
    return _pick(ids, cells)


def _scores_of(scores1: jax.Array, scores2: jax.Array, ids: jax.Array) -> Selection:
    """The scores of given experts: s1_i + s2_j with i, j = divmod(id, n) (SCO-2, IDX-1)."""
    i, j = jnp.divmod(ids, scores1.shape[-1])
    return Selection(_pick(scores1, i) + _pick(scores2, j), ids)


def _best(scores: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """The k largest and their positions, ties by lower position, −0 equal to +0 (SEL-4)."""
    # top_k ranks +0 above −0. The barrier keeps XLA's CPU compiler from replacing top_k by a full sort.
    values, positions = barrier(tuple(jax.lax.top_k(jnp.where(scores == 0, 0, scores), k)))
    return values, positions


def _pick(values: jax.Array, positions: jax.Array) -> jax.Array:
    return jnp.take_along_axis(values, positions, -1, mode="promise_in_bounds")


def _check(scores1: jax.Array, scores2: jax.Array, k: int) -> None:
    if scores1.shape != scores2.shape or scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(
            f"both half scores must have one shape [..., n], got {scores1.shape} and {scores2.shape} (SCO-1)"
        )
    if scores1.dtype != scores2.dtype or scores1.dtype not in (jnp.float32, jnp.float64):
        raise InputError(
            "both half scores must be float32 or both float64, "
            f"got {scores1.dtype} and {scores2.dtype}; convert them (PRC-3)"
        )
    n = scores1.shape[-1]
    if not 1 <= k <= n * n:
        raise InputError(f"k must lie in 1..N = 1..{n * n}, got {k} (CFG-3)")
