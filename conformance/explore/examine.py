"""Examine one designed or explored case by every check that applies to it, up to the first failure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from peerspec.conformance.cases.recipe import Recipe, read_recipe
from peerspec.conformance.check import Check, Evidence, Explored
from peerspec.conformance.explore.applicable import EXPLORED_CHECKS
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.problems import Hint, HintKind, Problem
from peerspec.conformance.trials.diagnosis import diagnosed
from peerspec.conformance.trials.run_check import examine_trial, make_trial
from peerspec.reference import Precision

__all__ = ["Examined", "diagnosed_recipe", "examine_recipe", "explored_problem"]


@dataclass(frozen=True)
class Examined:
    """What the checks found.

    Attributes:
        decided: how many checks decided something.
        share: the largest share of a bound.
        failure: the first failure, blamed on the check that found it.
    """

    decided: int
    share: float
    failure: Evidence | None


def examine_recipe(
    kind: TrialKind, checks: Iterable[Check], recipe: Recipe, host: Host, precision: Precision
) -> Examined:
    """Make the case of a recipe and examine it by checks in turn, which share its answers.

    A check that could not decide because something else is wrong fails only if no later check finds what.

    Raises:
        Fault: the backend gave no answer.
    """
    trial = make_trial(kind, recipe.make(precision), host)
    decided, share = 0, 0.0
    blocked: Evidence | None = None
    for check in checks:
        evidence = examine_trial(check, trial)
        if evidence is None:
            continue
        decided += 1
        if not evidence.problem:
            share = max(share, evidence.share)
            continue
        found = _blamed(check, evidence, evidence.problem, recipe)
        if not evidence.blocked:
            return Examined(decided, share, found)
        blocked = blocked or found
    return Examined(decided, share, blocked)


def _blamed(check: Check, evidence: Evidence, problem: Problem, recipe: Recipe) -> Evidence:
    """The evidence, blamed on the clause and stage of the check that failed on the case."""
    return replace(
        evidence,
        problem=explored_problem(problem, recipe),
        clause=check.broken_clause(evidence),
        stage=evidence.stage or check.stage,
        explored=Explored(check.id, recipe.to_json()),
    )


def diagnosed_recipe(found: Evidence, host: Host, precision: Precision) -> Evidence:
    """The evidence with what is to blame: an option, for instance, without which the case holds."""
    if not found.explored:
        return found
    check = next(check for check in EXPLORED_CHECKS if check.id == found.explored.check)
    return diagnosed(check, read_recipe(found.explored.recipe).make(precision), host, found)


def explored_problem(problem: Problem, recipe: Recipe) -> Problem:
    """The problem with the case that shows it."""
    return replace(problem, hints=(*problem.hints, Hint(HintKind.EXPLORED, {"case": str(recipe)})))
