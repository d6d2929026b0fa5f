"""Usage and unevenness over the steps of a run, in fixed memory."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from peerspec.reference.errors import InputError

__all__ = ["UsageHistory"]


class UsageHistory:
    """Rows of a step with its usage (MET-1) and unevenness (MET-3), at equal distances over a run of any length.

    When the table is full, every second row is forgotten, and from then on only every second call adds one: after four
    times as many calls every fourth one, and so on.

    Args:
        capacity: the largest number of rows, at least 2.

    Attributes:
        table: float64 [capacity, 3], NaN where there is no row yet. With ``calls`` it is the whole state.
        calls: int64 [], the number of calls of ``add``.

    Raises:
        InputError: another capacity.

    Example:
        >>> history = UsageHistory(4)
        >>> for step in range(0, 500, 100):
        ...     history.add(step, usage=0.5, unevenness=0.1)
        >>> history.rows()[:, 0]
        array([  0., 200., 400.])
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 2:
            raise InputError(f"a history needs room for at least 2 rows, got {capacity}; omit it, or make it larger")
        self.table: Float[np.ndarray, "capacity 3"] = np.full((capacity, 3), np.nan)
        self.calls: Int[np.ndarray, ""] = np.zeros((), np.int64)

    def add(self, step: int, *, usage: float, unevenness: float) -> None:
        """Add a row, or forget it where rows are further apart."""
        calls = int(self.calls)
        distance = self._distance(calls + 1)
        if distance > self._distance(calls):
            rest = self.rows()[::2]
            self.table[:] = np.nan
            self.table[: len(rest)] = rest
        if calls % distance == 0:
            self.table[calls // distance] = step, usage, unevenness
        self.calls += 1

    def rows(self) -> Float[np.ndarray, "rows 3"]:
        """Step, usage and unevenness of each row, a copy."""
        calls = int(self.calls)
        return self.table[: -(-calls // self._distance(calls))].copy()

    def _distance(self, calls: int) -> int:
        """Calls from one row to the next: the smallest power of two with which the rows of all calls fit."""
        distance = 1
        while calls > len(self.table) * distance:
            distance *= 2
        return distance
