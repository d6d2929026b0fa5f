"""How far a run is, and an estimate of the time that is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from peerspec.conformance.finding import Finding
from peerspec.conformance.order import Unit

__all__ = ["Meter", "Progress", "Standing"]

SURE_AFTER = 0.02
"""The share of the expected work after which an estimate is given."""


@dataclass(frozen=True)
class Standing:
    """How far a run is.

    Attributes:
        done, total: the number of finished cases and of all cases, over all precisions.
        case: the case that runs, with its precision; empty at the end.
        seconds: since the run began or went on.
        left: the expected seconds until the end: those so far, times the expected work of the other cases by that of
            the finished ones; None as long as too little is finished.
        failed: the failures so far, in the order in which they were found; one for each check and precision.
    """

    done: int
    total: int
    case: str
    seconds: float
    left: float | None
    failed: tuple[Finding, ...] = ()


Progress = Callable[[Standing], None]
"""Called before each case, when a check first fails, and at the end."""


class Meter:
    """Counts the units of all processes of one run, and tells ``progress``; its methods may be called by any thread."""

    def __init__(self, units: Iterable[Unit], progress: Progress | None) -> None:
        found = tuple(units)
        self._progress, self._lock, self._started = progress, threading.Lock(), time.monotonic()
        self._total, self._work = len(found), sum(unit.work for unit in found)
        self._done, self._left, self._own = 0, self._work, 0.0
        self._case = ""
        self._failed: dict[str, Finding] = {}

    def begin(self, unit: Unit) -> None:
        """A unit begins."""
        with self._lock:
            self._case = unit.name
            self._tell()

    def end(self, unit: Unit, *, ran: bool = True) -> None:
        """A unit ended; or it did not run, because it cannot change the report or a journal has its outcome."""
        with self._lock:
            self._done += 1
            self._left -= unit.work
            self._own += unit.work if ran else 0.0
            if self._done == self._total:
                self._case = ""
                self._tell()

    def failed(self, finding: Finding) -> None:
        """A check failed on a case."""
        with self._lock:
            if finding.name not in self._failed:
                self._failed[finding.name] = finding
                self._tell()

    def end_telling(self) -> None:
        """Tell nothing more: the run was interrupted, and what happens to it now is no news of the backend."""
        with self._lock:
            self._progress = None

    def _tell(self) -> None:
        if self._progress:
            seconds = time.monotonic() - self._started
            known = self._own > SURE_AFTER * self._work
            left = seconds * max(self._left, 0.0) / self._own if known else None
            failed = tuple(self._failed.values())
            self._progress(Standing(self._done, self._total, self._case, seconds, left, failed))
