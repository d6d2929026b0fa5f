"""Selection: from half scores to the k experts of a head (SEL-1, SEL-2)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.native.arrays import DTYPE_CODES, address, contiguous
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.reference import InputError, Selection

__all__ = ["select"]


def select(
    scores1: Float[np.ndarray, "*lead n"],
    scores2: Float[np.ndarray, "*lead n"],
    k: int,
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Selection:
    """The first k experts in the selection order (SEL-1), exactly; see ``peerspec.reference.select_exhaustive``.

    Args:
        scores1, scores2: half scores, float32 or float64.
        k: the number of experts for each row.
        threads: the number of threads; by default the processors that this process may use.
        isa: one of ``ISAS``; by default the best.

    Returns:
        Scores and ids [..., k], best first.

    Raises:
        InputError: half scores of different shapes or dtypes, or k outside 1..n².
        NativeError: the core is missing, or the processor lacks the instruction set.

    Example:
        >>> found = select(np.array([1.0, 0.0, -1.0]), np.array([0.5, -0.5, 2.0]), 2)
        >>> found.scores.tolist(), found.indices.tolist()
        ([3.0, 2.0], [2, 5])
    """
    if scores1.dtype not in (np.float32, np.float64):
        raise InputError(f"half scores must be float32 or float64, got {scores1.dtype} (PRC-3)")
    if scores1.ndim < 1 or scores1.shape[-1] < 1:
        raise InputError(f"half scores must have shape [..., n], got {scores1.shape} (SCO-1)")
    n, lead = scores1.shape[-1], scores1.shape[:-1]
    first = contiguous("scores1", scores1, scores1.dtype, scores1.shape)
    second = contiguous("scores2", scores2, scores1.dtype, scores1.shape)
    if not 1 <= k <= n * n:
        raise InputError(f"k must lie in 1..N = 1..{n * n}, got {k} (CFG-3)")
    scores, ids = np.empty((*lead, k), scores1.dtype), np.empty((*lead, k), np.int64)
    rows = scores.size // k
    arrays = (address(array) for array in (first, second, scores, ids))
    require("peerspec_select", run(threads, isa), DTYPE_CODES[scores1.dtype], rows, n, k, *arrays)
    return Selection(scores, ids)
