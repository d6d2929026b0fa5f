"""Selection, exact: the staircase of the reference in stable top-k's (SEL-1 … SEL-4)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.jax.barrier import barrier
from peerspec.backends.jax.precision import id_dtype
from peerspec.reference import InputError
from peerspec.reference.retrieval import staircase_cells

__all__ = ["Selection", "gather_scores", "select", "select_stacked"]


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
    return select_stacked(jnp.stack((scores1, scores2)), k)


def select_stacked(scores: jax.Array, k: int) -> Selection:
    """``select`` on both sides in one array [2, ..., n], which makes one top-k of two."""
    n = scores.shape[-1]
    ids_of = id_dtype(n * n)
    # What stands before the barrier is rounded: a score must not become one fused product and sum (SCO-2).
    scores = barrier(scores)
    kept, (i, j) = _best(jax.lax.stop_gradient(scores), min(k, n))
    a, b = staircase_cells(k, n)
    _, cells = _best(kept[0][..., a] + kept[1][..., b], k)
    ids = i[..., a].astype(ids_of) * n + j[..., b].astype(ids_of)
    return gather_scores(scores, _pick(ids, cells))


def gather_scores(scores: jax.Array, ids: jax.Array) -> Selection:
    """The scores of given experts: s1_i + s2_j with i, j = divmod(id, n) (SCO-2, IDX-1)."""
    first, second = _pick(scores, jnp.stack(jnp.divmod(ids, scores.shape[-1])))
    return Selection(first + second, ids)


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
