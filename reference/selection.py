"""Selection: three equivalent ways to the first k experts under the selection order (SPEC.md, SEL-1 … SEL-4).

The order, best first: larger sum; then larger s1; then lower i; then larger s2; then lower j. Each function
takes half scores [..., n] twice and returns ids i·n + j with their scores, [..., k], listed in that order.
All arithmetic is one rounded addition per candidate, in the dtype of the half scores, so the three agree bit
for bit (theorem of section 2.2).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.reference.errors import InputError
from peerspec.reference.output import Selection

__all__ = ["select_exhaustive", "select_staircase", "select_two_stage", "staircase_cells"]

HalfScores = Float[np.ndarray, "*lead n"]


def select_exhaustive(scores1: HalfScores, scores2: HalfScores, k: int) -> Selection:
    """Sort all N experts: the definition itself (SEL-1, SEL-2). O(N log N) a head."""
    n = _check(scores1, scores2, k)
    shape = (*scores1.shape[:-1], n, n)
    i, j = np.broadcast_to(np.arange(n)[:, None], shape), np.broadcast_to(np.arange(n), shape)
    s1, s2 = np.broadcast_to(scores1[..., :, None], shape), np.broadcast_to(scores2[..., None, :], shape)
    total = s1 + s2
    columns = (j, -s2, i, -s1, -total)  # lexsort sorts by the last column first
    flat = [column.reshape(*shape[:-2], n * n) for column in columns]
    ids = np.lexsort(flat, axis=-1)[..., :k].astype(np.int64)
    return Selection(np.take_along_axis(total.reshape(*shape[:-2], n * n), ids, -1), ids)


def select_two_stage(scores1: HalfScores, scores2: HalfScores, k: int) -> Selection:
    """The min(k, n) best of each half, then the k best of their grid. O(n log n + k² log k)."""
    n = _check(scores1, scores2, k)
    ranks = np.arange(min(k, n))
    a, b = np.meshgrid(ranks, ranks, indexing="ij")
    return _select_cells(scores1, scores2, k, a.ravel(), b.ravel())


def select_staircase(scores1: HalfScores, scores2: HalfScores, k: int) -> Selection:
    """The two stages on only the cells that can win, (a+1)(b+1) ≤ k: 50 of 256 at k = 16."""
    n = _check(scores1, scores2, k)
    return _select_cells(scores1, scores2, k, *staircase_cells(k, n))


def staircase_cells(k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Rank pairs (a, b) with (a+1)(b+1) ≤ k and both below min(k, n), in row-major order of the grid."""
    ranks = np.arange(min(k, n))
    a, b = np.nonzero((ranks[:, None] + 1) * (ranks + 1) <= k)
    return a, b


def _select_cells(scores1: HalfScores, scores2: HalfScores, k: int, a: np.ndarray, b: np.ndarray) -> Selection:
    n = scores1.shape[-1]
    rank1, rank2 = _best(scores1, min(k, n)), _best(scores2, min(k, n))
    i, j = rank1[..., a], rank2[..., b]
    total = np.take_along_axis(scores1, i, -1) + np.take_along_axis(scores2, j, -1)
    cells = _best(total, k)
    ids = np.take_along_axis(i * n + j, cells, -1).astype(np.int64)
    return Selection(np.take_along_axis(total, cells, -1), ids)


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the k largest, ties by lower position; −0 equals +0, as in IEEE comparison (SEL-4)."""
    return np.argsort(-scores, axis=-1, kind="stable")[..., :k]


def _check(scores1: np.ndarray, scores2: np.ndarray, k: int) -> int:
    if scores1.shape != scores2.shape or scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(
            f"both half scores must have one shape [..., n], got {scores1.shape} and {scores2.shape} (SCO-1)"
        )
    if scores1.dtype != scores2.dtype:
        raise InputError(f"both half scores must have one dtype, got {scores1.dtype} and {scores2.dtype} (SCO-2)")
    n: int = scores1.shape[-1]
    if not 1 <= k <= n * n:
        raise InputError(f"k must lie in 1..N = 1..{n * n}, got {k} (CFG-3)")
    return n
