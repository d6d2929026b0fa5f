"""A logarithmic axis for errors divided by their bounds, in percent of its width."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from peerspec.conformance.kinds import Status
from peerspec.conformance.report import Report

__all__ = ["Scale", "brief"]

LOWEST, HIGHEST = -4, 16
"""The decades of the longest axis; a share outside stands at the edge, and the number beside it is exact."""
_ZERO, _INFINITY = 3.0, 96.0  # shares without a logarithm
_LEFT, _RIGHT = 9.0, 90.0


@dataclass(frozen=True)
class Scale:
    """The axis from 10^low to 10^high; 0 has a place on its left, ∞ on its right."""

    low: int
    high: int

    @classmethod
    def of(cls, reports: Sequence[Report]) -> Scale:
        """The shortest axis that shows 1 and every share of the reports."""
        shares = [f.share for report in reports for f in report.of(Status.PASS, Status.FAIL, Status.WAIVED)]
        decades = [math.log10(share) for share in shares if 0 < share < math.inf]
        low = max(LOWEST, math.floor(min(decades, default=-1)))
        return cls(min(low, -1), max(1, min(HIGHEST, math.ceil(max(decades, default=1)))))

    def at(self, share: float) -> float:
        """The position of a share."""
        if share <= 0:
            return _ZERO
        if not share < math.inf:
            return _INFINITY
        part = (math.log10(share) - self.low) / (self.high - self.low)
        return round(_LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, part)), 2)

    def ticks(self, most: int) -> list[tuple[float, int, bool]]:
        """Position and exponent of about ``most`` decades, 1 included; True for those that a narrow axis shows."""
        step = math.ceil((self.high - self.low) / most)
        return [(self.at(10.0**e), e, e % (2 * step) == 0) for e in range(self.low, self.high + 1) if e % step == 0]


def brief(share: float) -> str:
    """A share in a few characters."""
    return "∞" if share == math.inf else re.sub(r"e\+?(-?)0*", r"e\1", f"{share:.2g}")
