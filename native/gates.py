"""Gates: the weight of each selected expert, from the scores of its head (GAT-1 … GAT-3)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.native.arrays import DTYPE_CODES, address, compute_dtype, contiguous
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.reference.config import GATES

__all__ = ["gates"]


def gates(
    kind: str, scores: Float[np.ndarray, "*lead k"], *, threads: int | None = None, isa: str | None = None
) -> Float[np.ndarray, "*lead k"]:
    """The gates of lists of scores, each list sorted, best first; ``kind`` is one of ``GATES``. Errors as ``query``.

    Example:
        >>> gates("softmax", np.array([[1.0, 1.0]]))
        array([[0.5, 0.5]])
    """
    scores = contiguous("scores", scores, compute_dtype(scores.dtype), scores.shape)
    out, k = np.empty(scores.shape, scores.dtype), scores.shape[-1]
    codes = (DTYPE_CODES[scores.dtype], GATES.index(kind))
    require("peerspec_gates", run(threads, isa), *codes, out.size // k, k, address(scores), address(out))
    return out
