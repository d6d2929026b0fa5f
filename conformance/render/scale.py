"""Errors as shares of their bounds on a logarithmic axis, in percent of its width."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from peerspec.conformance.report import FAIL, PASS, WAIVED, Report

__all__ = ["Scale", "brief"]

LOWEST, HIGHEST = -4, 16
"""Decades shown at most; what lies outside stands at the edge, and its number beside it is exact."""
_ZERO, _INFINITY = 3.0, 96.0  # where no logarithm exists
_LEFT, _RIGHT = 9.0, 90.0


@dataclass(frozen=True)
class Scale:
    """The axis from 10^low to 10^high, with a place for 0 left of it and one for ∞ right of it."""

    low: int
    high: int

    @classmethod
    def of(cls, reports: Sequence[Report]) -> Scale:
        """The least axis that shows every share of the reports, and 1 inside it."""
        shares = [f.share for report in reports for f in report.of(PASS, FAIL, WAIVED)]
        decades = [math.log10(share) for share in shares if 0 < share < math.inf]
        low = max(LOWEST, math.floor(min(decades, default=-1)))
        return cls(min(low, -1), max(1, min(HIGHEST, math.ceil(max(decades, default=1)))))

    def at(self, share: float) -> float:
        """Where a share stands."""
        if share <= 0:
            return _ZERO
        if not share < math.inf:
            return _INFINITY
        part = (math.log10(share) - self.low) / (self.high - self.low)
        return round(_LEFT + (_RIGHT - _LEFT) * min(1.0, max(0.0, part)), 2)

    def ticks(self, most: int) -> list[tuple[float, int, bool]]:
        """Position and exponent of the decades to draw, about so many; True for those that stay where there is little
        room, every other one. 1 is always among them.
        """
        step = math.ceil((self.high - self.low) / most)
        return [(self.at(10.0**e), e, e % (2 * step) == 0) for e in range(self.low, self.high + 1) if e % step == 0]


def brief(share: float) -> str:
    """A share in a few characters."""
    return "∞" if share == math.inf else re.sub(r"e\+?(-?)0*", r"e\1", f"{share:.2g}")
