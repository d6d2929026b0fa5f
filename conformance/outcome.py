"""What one check found on one case, and the finding that follows from all cases of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from peerspec.conformance import findings
from peerspec.conformance.finding import Finding
from peerspec.conformance.plan import Step

__all__ = ["Outcome", "conclude"]


@dataclass(frozen=True)
class Outcome:
    """What one check found on one case.

    Attributes:
        executed: whether the case decided anything.
        share: the largest error divided by its bound, if nothing failed.
        finding: a failure, or that there was no answer; None otherwise.
        declined: the reason for which the backend declined the case; empty if it took it.
        without_routing: whether the case was left out because the backend shows no routing.
    """

    executed: bool = False
    share: float = 0.0
    finding: Finding | None = None
    declined: str = ""
    without_routing: bool = False

    @property
    def decides(self) -> bool:
        """Whether no later case of the step can change its finding."""
        return self.finding is not None and self.finding.decides


def conclude(step: Step, outcomes: Mapping[str, Outcome]) -> Finding | None:
    """The finding of a step, whatever the order in which its cases ran.

    It is the first failure in the order of the cases; else a failure that another one blocks; else whether anything
    was decided. It is None if cases are missing from ``outcomes`` and none of the others fails.
    """
    executed, blocked, seen = 0, None, []
    for outcome in (outcomes[case.name] for case in step.cases if case.name in outcomes):
        executed += outcome.executed
        found = replace(outcome.finding, cases=executed) if outcome.finding else None
        if found and found.decides:
            return findings.waive_newer(found)
        blocked = blocked or found
        seen.append(outcome)
    if len(seen) < len(step.cases):
        return None
    return findings.waive_newer(blocked or _without_failure(step, seen))


def _without_failure(step: Step, outcomes: list[Outcome]) -> Finding:
    executed = sum(outcome.executed for outcome in outcomes)
    if executed:
        return findings.passed(step.check, step.precision, executed, max(outcome.share for outcome in outcomes))
    declined = {outcome.declined for outcome in outcomes if outcome.declined}
    without_routing = any(outcome.without_routing for outcome in outcomes)
    if declined or without_routing:
        return findings.not_run(step.check, step.precision, declined, without_routing=without_routing)
    return findings.undecided(step.check, step.precision)
