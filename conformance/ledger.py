"""The outcomes of a run so far, and which cases can still change its report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from threading import Lock

from peerspec.conformance.finding import Finding
from peerspec.conformance.findings import waive_newer
from peerspec.conformance.outcome import Outcome, conclude
from peerspec.conformance.plan import Step

__all__ = ["Ledger"]


class Ledger:
    """Outcomes by step and case, in whatever order they come, and from any thread.

    Args:
        steps: the steps of the plan.
        stop_early: whether only failures count that are nearer to the cause than the nearest one so far.
    """

    def __init__(self, steps: Sequence[Step], *, stop_early: bool) -> None:
        self._steps, self._stop_early = steps, stop_early
        self._outcomes: list[dict[str, Outcome]] = [{} for _ in steps]
        self._failing: dict[int, int] = {}
        self._nearest, self._lock = inf, Lock()

    @property
    def stopped(self) -> bool:
        """Whether steps after the nearest failure are left out."""
        return self._nearest < inf

    def needs(self, number: int, position: int) -> bool:
        """Whether the case at ``position`` of the step ``number`` can change the report."""
        return number <= self._nearest and position < self._failing.get(number, inf)

    def add(self, number: int, position: int, outcome: Outcome) -> None:
        """The outcome of that case."""
        step = self._steps[number]
        with self._lock:
            self._outcomes[number][step.cases[position].name] = outcome
            if outcome.decides:
                self._failing[number] = min(position, self._failing.get(number, position))
            if self._stop_early and outcome.finding and waive_newer(outcome.finding).decides:
                self._nearest = min(number, self._nearest)

    def findings(self) -> Iterator[Finding]:
        """The finding of each step that is concluded, in the order of the plan, up to the nearest failure if wanted."""
        for number, (step, outcomes) in enumerate(zip(self._steps, self._outcomes, strict=True)):
            if number <= self._nearest and (finding := conclude(step, outcomes)):
                yield finding
