"""Flushing: which subnormal numbers the selection reads as zero (SPEC.md, SCO-4).

Hardware and compilers may replace subnormal numbers by zero. Each choice below is a monotone ⊕ on half scores in one
order, so the theorem of section 2.2 holds for each.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from jaxtyping import Float

__all__ = ["Flushing", "flushed"]


class Flushing(StrEnum):
    """What a call flushes to zero."""

    NOTHING = "nothing"
    SUMS = "sums"
    ADDENDS = "half scores in sums, and sums"
    HALF_SCORES = "half scores, in sums and in the order, and sums"

    @property
    def of_addends(self) -> bool:
        """Whether half scores are flushed before they are added."""
        return self in (Flushing.ADDENDS, Flushing.HALF_SCORES)


def flushed(a: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The numbers, with zero for each whose magnitude is below the least normal number of their dtype.

    Example:
        >>> flushed(np.array([2.0**-126, -(2.0**-127), 1.0], np.float32)).tolist()
        [1.1754943508222875e-38, 0.0, 1.0]
    """
    return np.where(np.abs(a) < np.finfo(a.dtype).tiny, a.dtype.type(0), a)
