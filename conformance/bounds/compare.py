"""Values against bounds: the one comparison every check ends in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded

__all__ = ["Deviation", "deviation"]


@dataclass(frozen=True)
class Deviation:
    """The worst entry of an array: error as a share of its bound, and where.

    Attributes:
        share: |got − expected| / bound; at most 1 holds, infinite where the bound is zero and got differs, or is NaN.
        at: index of the entry.
        got, expected, bound: its numbers.
    """

    share: float
    at: tuple[int, ...]
    got: float
    expected: float
    bound: float

    @property
    def holds(self) -> bool:
        """Within the bound."""
        return self.share <= 1


def deviation(got: Array, expected: Bounded, where: Any = None) -> Deviation | None:
    """The worst deviation among the entries selected by ``where`` (all by default); None if there is none to judge."""
    got = np.asarray(got, np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(got - expected.value)
        share = np.where(error <= expected.error, 0.0, np.inf)
        share = np.where(expected.error > 0, error / expected.error, share)
    share = np.where(np.isnan(share), np.inf, share)
    share = np.where(np.isfinite(expected.error), share, 0.0)  # an overflow, of which nothing is promised
    if where is not None:
        share = np.where(where, share, -1.0)
    if not share.size or share.max() < 0:
        return None
    at = np.unravel_index(int(share.argmax()), share.shape)
    numbers = (float(part[at]) for part in (got, expected.value, expected.error))
    return Deviation(float(share[at]), tuple(int(i) for i in at), *numbers)
