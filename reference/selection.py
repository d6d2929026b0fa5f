"""Selection: three equivalent ways to find the first k experts in the selection order (SPEC.md, SEL-1 … SEL-4).

The order, best first: larger sum; then larger s1; then lower i; then larger s2; then lower j. Each function takes two
arrays of half scores [..., n] and returns the scores and the ids i·n + j, [..., k], in this order. The only arithmetic
is one rounded addition per candidate, in the dtype of the half scores, so that the three functions agree to the bit
(theorem of section 2.2). ``flush`` says which subnormal numbers are read as zero (SCO-4).

Errors of all three: InputError for half scores of different shapes or dtypes, or for k outside 1..N.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.reference.errors import InputError
from peerspec.reference.flushing import Flushing, flushed
from peerspec.reference.output import Selection

__all__ = ["select_exhaustive", "select_staircase", "select_two_stage", "staircase_cells"]

HalfScores = Float[np.ndarray, "*lead n"]


def select_exhaustive(
    scores1: HalfScores, scores2: HalfScores, k: int, *, flush: Flushing = Flushing.NOTHING
) -> Selection:
    """Sort all N experts, as the definition says (SEL-1, SEL-2): O(N log N) per head.

    Example:
        >>> select_exhaustive(np.array([1.0, 2.0]), np.array([2.0, 1.0]), 3).indices
        array([2, 3, 0])
    """
    n = _check_half_scores(scores1, scores2, k)
    scores1, scores2 = _in_order(scores1, scores2, flush)
    shape = (*scores1.shape[:-1], n, n)
    i, j = np.broadcast_to(np.arange(n)[:, None], shape), np.broadcast_to(np.arange(n), shape)
    s1, s2 = np.broadcast_to(scores1[..., :, None], shape), np.broadcast_to(scores2[..., None, :], shape)
    total = _sum(s1, s2, flush)
    columns = (j, -s2, i, -s1, -total)  # lexsort sorts by the last column first
    flat = [column.reshape(*shape[:-2], n * n) for column in columns]
    ids = np.lexsort(flat, axis=-1)[..., :k].astype(np.int64)
    return Selection(np.take_along_axis(total.reshape(*shape[:-2], n * n), ids, -1), ids)


def select_two_stage(
    scores1: HalfScores, scores2: HalfScores, k: int, *, flush: Flushing = Flushing.NOTHING
) -> Selection:
    """The min(k, n) best of each half, then the k best of their grid: O(n log n + k² log k) per head."""
    n = _check_half_scores(scores1, scores2, k)
    ranks = np.arange(min(k, n))
    a, b = np.meshgrid(ranks, ranks, indexing="ij")
    return _select_cells(scores1, scores2, k, a.ravel(), b.ravel(), flush)


def select_staircase(
    scores1: HalfScores, scores2: HalfScores, k: int, *, flush: Flushing = Flushing.NOTHING
) -> Selection:
    """As ``select_two_stage``, but only on the cells that can be selected, (a+1)(b+1) ≤ k: 50 of 256 for k = 16."""
    n = _check_half_scores(scores1, scores2, k)
    return _select_cells(scores1, scores2, k, *staircase_cells(k, n), flush)


def staircase_cells(k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of ranks (a, b) below min(k, n) with (a+1)(b+1) ≤ k, in row-major order of the grid."""
    ranks = np.arange(min(k, n))
    a, b = np.nonzero((ranks[:, None] + 1) * (ranks + 1) <= k)
    return a, b


def _select_cells(
    scores1: HalfScores, scores2: HalfScores, k: int, a: np.ndarray, b: np.ndarray, flush: Flushing
) -> Selection:
    n = scores1.shape[-1]
    scores1, scores2 = _in_order(scores1, scores2, flush)
    rank1, rank2 = _stable_top_k(scores1, min(k, n)), _stable_top_k(scores2, min(k, n))
    i, j = rank1[..., a], rank2[..., b]
    total = _sum(np.take_along_axis(scores1, i, -1), np.take_along_axis(scores2, j, -1), flush)
    cells = _stable_top_k(total, k)
    ids = np.take_along_axis(i * n + j, cells, -1).astype(np.int64)
    return Selection(np.take_along_axis(total, cells, -1), ids)


def _in_order(scores1: np.ndarray, scores2: np.ndarray, flush: Flushing) -> tuple[np.ndarray, np.ndarray]:
    """The half scores that SEL-1 compares."""
    return (flushed(scores1), flushed(scores2)) if flush is Flushing.HALF_SCORES else (scores1, scores2)


def _sum(a: np.ndarray, b: np.ndarray, flush: Flushing) -> np.ndarray:
    """a ⊕ b of SCO-4; half scores may be infinite, and sums may become it (NFT-1)."""
    with np.errstate(invalid="ignore", over="ignore"):
        total = flushed(a) + flushed(b) if flush.of_addends else a + b
    return total if flush is Flushing.NOTHING else flushed(total)


def _stable_top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """The positions of the k largest scores, ties by lower position; −0 equals +0 (SEL-4)."""
    return np.argsort(-scores, axis=-1, kind="stable")[..., :k]


def _check_half_scores(scores1: np.ndarray, scores2: np.ndarray, k: int) -> int:
    if scores1.shape != scores2.shape or scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(
            f"both half scores must have one shape [..., n], got {scores1.shape} and {scores2.shape} (SCO-1)"
        )
    if scores1.dtype != scores2.dtype:
        raise InputError(f"both half scores must have one dtype, got {scores1.dtype} and {scores2.dtype} (SCO-4)")
    n: int = scores1.shape[-1]
    if not 1 <= k <= n * n:
        raise InputError(f"k must lie in 1..N = 1..{n * n}, got {k} (CFG-3)")
    return n
