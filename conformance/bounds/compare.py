"""The comparison of values with bounds that all checks use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded

__all__ = ["Deviation", "deviation"]


@dataclass(frozen=True)
class Deviation:
    """The entry of an array with the largest share, which is its error divided by its bound.

    Attributes:
        share: |got − expected| / bound; infinite where got is NaN, or differs although the bound is zero.
        at: the index of the entry.
        got, expected, bound: the numbers of the entry.
    """

    share: float
    at: tuple[int, ...]
    got: float
    expected: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the entry lies within its bound."""
        return self.share <= 1


def deviation(got: Array, expected: Bounded, where: Any = None) -> Deviation | None:
    """The largest deviation of the entries selected by ``where``, by default all; None if there are no entries."""
    got = np.asarray(got, np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(got - expected.value)
        share = np.where(error <= expected.error, 0.0, np.inf)
        share = np.where(expected.error > 0, error / expected.error, share)
    share = np.where(np.isnan(share), np.inf, share)
    share = np.where(np.isfinite(expected.error), share, 0.0)  # the result may overflow, so any value is legal
    if where is not None:
        share = np.where(where, share, -1.0)
    if not share.size or share.max() < 0:
        return None
    at = np.unravel_index(int(share.argmax()), share.shape)
    numbers = (float(part[at]) for part in (got, expected.value, expected.error))
    return Deviation(float(share[at]), tuple(int(i) for i in at), *numbers)
