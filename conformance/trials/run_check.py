"""One check on one trial: the same for a run, an exploration, the search for a small case, and a replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Case, ComparisonCase, Subject
from peerspec.conformance.cases.options import profiles_of
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import Hint, HintKind
from peerspec.conformance.trials.adapter import AdapterTrial
from peerspec.conformance.trials.comparison import ComparisonTrial, DenseTrial
from peerspec.conformance.trials.gradients import GradientTrial
from peerspec.conformance.trials.growth import GrowthTrial
from peerspec.conformance.trials.layer import Trial, Unsound
from peerspec.conformance.trials.memory import MemoryTrial
from peerspec.conformance.trials.mixture import ExpertChoiceTrial, TokenChoiceTrial
from peerspec.conformance.trials.selection import SelectionTrial
from peerspec.conformance.trials.trainable import TrainableTrial

__all__ = ["examine", "examine_trial", "make_trial", "needed_profiles", "run_check"]

_COMPARISONS: dict[str, type[ComparisonTrial]] = {
    "dense": DenseTrial,
    "token-choice": TokenChoiceTrial,
    "expert-choice": ExpertChoiceTrial,
    "pkm": MemoryTrial,
}


def _comparison(case: ComparisonCase, host: Host) -> ComparisonTrial:
    return _COMPARISONS[case.layer.config.kind](case, host)


_TRIALS: dict[TrialKind, Callable[[Any, Host], Any]] = {
    TrialKind.LAYER: Trial,
    TrialKind.GRADIENTS: GradientTrial,
    TrialKind.SELECTION: SelectionTrial,
    TrialKind.GROWTH: GrowthTrial,
    TrialKind.TRAINABLE: TrainableTrial,
    TrialKind.COMPARISON: _comparison,
    TrialKind.ADAPTER: AdapterTrial,
}


def make_trial(kind: TrialKind, subject: Subject, host: Host) -> Any:
    """The trial of a subject; nothing is called yet."""
    return _TRIALS[kind](subject, host)


def examine(check: Check, trial: Any) -> list[Evidence]:
    """The evidence of a check on a trial; a wrong structure of a later call is evidence too.

    Raises:
        Fault: the backend gives no answer.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # a value that overflows has an infinite bound
            return list(check.examine(trial))
    except Unsound as unsound:
        clause, problem = unsound.violation
        return [Evidence(inf, replace(problem, hints=(*problem.hints, Hint(HintKind.LATER_CALL))), clause)]


def run_check(check: Check, subject: Subject, host: Host) -> Evidence | None:
    """The first problem that a check finds, else its largest share of a bound; None if it decides nothing.

    Raises:
        Fault: the backend gives no answer.
    """
    return examine_trial(check, make_trial(check.trial, subject, host))


def examine_trial(check: Check, trial: Any) -> Evidence | None:
    """As ``run_check``, on a trial that several checks share."""
    if check.needs_routing and not trial.shows_routing:
        return None
    evidence = examine(check, trial)
    largest = max(evidence, key=lambda e: e.share, default=None)
    return next((e for e in evidence if e.problem), largest)


def needed_profiles(check: Check, subject: Subject) -> set[str]:
    """The profiles, precisions aside, that a backend must claim before this check applies to it."""
    needed = {check.profile} - {"core"}
    if check.stage is Stage.GRADIENT and isinstance(subject, Case):
        needed |= {"training", *(["frozen-statistics"] if subject.frozen else [])}
    return needed | profiles_of(subject.layer.config) if isinstance(subject, Case) else needed
