"""One check put to one backend on one subject, apart from any run: what shrinking, replaying and exploring share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peerspec.conformance.cases import SelectionCase
from peerspec.conformance.cases.case import Array, Case
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.trials.gradients import GradientTrial
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.selection import SelectionTrial

__all__ = ["Halves", "Subject", "clause_of", "judge", "needed_profiles"]


@dataclass(frozen=True, eq=False)
class Halves:
    """Half scores [..., n] twice, put to ``select`` with ``k``; ``name`` is that of their ``SelectionCase``."""

    name: str
    scores1: Array
    scores2: Array
    k: int


Subject = Case | Halves


def judge(check: Check, subject: Subject, host: Host) -> Evidence | None:
    """What the check says: its first problem, else its largest share of a bound, None where it decides nothing.

    Raises:
        Fault: the backend gives no answer, or declines the configuration.
    """
    trial = _trial(check, subject, host)
    if check.needs_routing and not trial.shows_routing:
        return None
    evidence = list(check.judge(trial))
    worst = max(evidence, key=lambda e: e.share, default=None)
    return next((e for e in evidence if e.problem), worst)


def clause_of(check: Check, evidence: Evidence) -> str:
    """The clause that is broken; nothing where none is."""
    return (evidence.clause or check.clauses[0]) if evidence.problem else ""


def _trial(check: Check, subject: Subject, host: Host) -> Any:
    if isinstance(subject, Halves):
        halves = subject.scores1, subject.scores2
        case = SelectionCase(subject.name, halves[0].shape[-1], subject.k, lambda draw, n: halves)
        return SelectionTrial(case, halves, host)
    return GradientTrial(subject, host) if check.tag.startswith("gradient") else Trial(subject, host)


def needed_profiles(check: Check, subject: Subject) -> set[str]:
    """The profiles a backend must claim to be asked this, precisions aside."""
    needed = {check.profile} - {"core"}
    if isinstance(subject, Halves):
        return needed
    config = subject.layer.config
    options = {
        "query-bias": config.query_bias,
        "query-norm": config.query_norm != "none",
        "glu": config.expert == "glu",
        "sigmoid": config.gate == "sigmoid",
        "per-head-keys": config.key_heads > 1,
    }
    return needed | {profile for profile, used in options.items() if used}
