"""Selection: the first k experts under the selection order, exactly (SPEC.md, SEL-1 … SEL-7)."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.gpu.limits import MOST_RANKS, MOST_SUB_KEYS
from peerspec.backends.jax import native
from peerspec.backends.jax.barrier import barrier
from peerspec.backends.jax.operation import OnGPU, dispatch
from peerspec.backends.jax.precision import id_dtype
from peerspec.reference import InputError
from peerspec.reference.selection import staircase_cells

__all__ = ["Selection", "select", "select_by_library"]


class Selection(NamedTuple):
    """The k experts of each head, best first (SEL-2): scores [..., k] and ids [..., k], int32 if N ≤ 2³¹."""

    scores: jax.Array
    indices: jax.Array


def select(scores1: jax.Array, scores2: jax.Array, k: int) -> Selection:
    """The first k experts under the selection order, from half scores [..., n] of float32 or float64.

    Gradients flow through the scores; the ids are constant (GRD-1).

        select(jnp.float32([3, 1, 2]), jnp.float32([0, 5, 4]), 2)  # scores [8, 7] and ids [1, 2]

    Raises:
        InputError: half scores of different or unsuitable shape or dtype, or k outside 1..N.
        ConfigError: N exceeds 2³¹ and JAX is restricted to 32 bits.

    Example:
        >>> found = select(jnp.array([1.0, 0.0, -1.0]), jnp.array([0.5, -0.5, 2.0]), 2)
        >>> found.scores.tolist(), found.indices.tolist()
        ([3.0, 2.0], [2, 5])
    """
    _check(scores1, scores2, k)
    scores1, scores2 = _rounded(scores1, scores2)
    halves = jax.lax.stop_gradient((scores1, scores2))
    core, library, gpu = (partial(ids_by, k) for ids_by in (_ids_by_core, _ids_by_library, _ids_by_gpu))
    ids = dispatch(core, library, *halves, gpu=OnGPU(gpu, partial(_fits, k)))
    return _with_scores(scores1, scores2, ids)


def select_by_library(scores1: jax.Array, scores2: jax.Array, k: int) -> Selection:
    """``select`` without checks, derivatives and the core."""
    scores1, scores2 = _rounded(scores1, scores2)
    return _with_scores(scores1, scores2, _ids_by_library(k, scores1, scores2))


def _ids_by_core(k: int, scores1: jax.Array, scores2: jax.Array) -> jax.Array:
    return native.select(k, scores1, scores2)[1]


def _ids_by_gpu(k: int, scores1: jax.Array, scores2: jax.Array) -> jax.Array:
    from peerspec.backends.jax.gpu.retrieval import select

    return select(k, scores1, scores2)[1]


def _fits(k: int, scores1: jax.Array, scores2: jax.Array) -> bool:
    return scores1.dtype == jnp.float32 and scores1.shape[-1] <= MOST_SUB_KEYS and k <= MOST_RANKS


def _ids_by_library(k: int, scores1: jax.Array, scores2: jax.Array) -> jax.Array:
    """Select among the sums of the cells (a, b) of ranks with (a+1)(b+1) ≤ k: no other sum can win."""
    n = scores1.shape[-1]
    ids_of = id_dtype(n * n)
    (best1, i), (best2, j) = _stable_topk(scores1, min(k, n)), _stable_topk(scores2, min(k, n))
    a, b = staircase_cells(k, n)
    _, cells = _stable_topk(best1[..., a] + best2[..., b], k)
    return _take(i[..., a].astype(ids_of) * n + j[..., b].astype(ids_of), cells)


def _rounded(scores1: jax.Array, scores2: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Half scores rounded before they are added: XLA must not fuse a product into the sum (SCO-4)."""
    return barrier((scores1, scores2))


def _with_scores(scores1: jax.Array, scores2: jax.Array, ids: jax.Array) -> Selection:
    """The scores of given ids: s1_i + s2_j with i, j = divmod(id, n) (SCO-4, IDX-1)."""
    i, j = jnp.divmod(ids, scores1.shape[-1])
    return Selection(_take(scores1, i) + _take(scores2, j), ids)


def _stable_topk(scores: jax.Array, k: int) -> tuple[jax.Array, jax.Array]:
    """The k largest and their positions, equal values by lower position; −0 equals +0 (SEL-4)."""
    # top_k ranks +0 above −0. The barriers stop XLA's CPU compiler from replacing top_k by a full sort; around both
    # results at once, one would end XLA in a program for several devices.
    values, positions = jax.lax.top_k(jnp.where(scores == 0, 0, scores), k)
    return barrier(values), barrier(positions)


def _take(values: jax.Array, positions: jax.Array) -> jax.Array:
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
