"""Hypothesis draws cases around the fixed ones, the same checks examine them, and a case that fails is shrunk.

The seed of the run and the version of Hypothesis decide what is drawn. Nothing is stored. The recipe in a finding
makes its case again without Hypothesis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from peerspec.conformance.cases.explorations import Exploration
from peerspec.conformance.check import Check, Evidence, Explored
from peerspec.conformance.explore.applicable import EXPLORED_CHECKS, applicable_checks
from peerspec.conformance.explore.recipe import Recipe, read_recipe
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.problems import Hint, HintKind, Problem
from peerspec.conformance.trials.diagnosis import diagnosed
from peerspec.conformance.trials.run_check import run_check
from peerspec.reference import Precision

__all__ = ["Explorer"]

WITNESSES, SECONDS = 200, 10.0
"""After a first failure, how many more examples and seconds the search for a smaller one may take."""


class Explorer:
    """The trial of an exploration: the backend, and the cases to be drawn.

    Args:
        exploration: how much to explore.
        host: the backend.
        precision: the dtypes of the layers, and of the half scores.
        seed: the seed of the run.
        adapt: the recipe itself, one that stands for it, or None if the backend declines it (CNF-4).
    """

    shows_routing = True

    def __init__(
        self,
        exploration: Exploration,
        host: Host,
        precision: Precision,
        seed: int,
        adapt: Callable[[Recipe], Recipe | None],
    ) -> None:
        self.exploration, self.host, self.precision, self.seed, self.adapt = exploration, host, precision, seed, adapt

    def evidence(self) -> Iterator[Evidence]:
        """The largest share of a bound, or one failure: the smallest that was found.

        Raises:
            Fault: the backend gave no answer to an explored case.
        """
        search = _Search(self)
        _run(search, self._recipes(), self.exploration, self.seed)
        if isinstance(search.found, Fault):
            raise search.found
        if search.found or search.decided:
            yield self._diagnosed(search.found) if search.found else Evidence(search.share)

    def _diagnosed(self, found: Evidence) -> Evidence:
        """The evidence with what is to blame: an option, for instance, without which the smallest case holds."""
        if not found.explored:
            return found
        checks = {check.id: check for check in EXPLORED_CHECKS}
        subject = read_recipe(found.explored.recipe).make(self.precision)
        return diagnosed(checks[found.explored.check], subject, self.host, found)

    def _recipes(self) -> Any:
        from peerspec.conformance.explore.strategies import halves_recipes, layer_recipes

        if self.exploration.trial is TrialKind.SELECTION:
            return halves_recipes(dtype=self.precision.compute)
        gradients = self.exploration.trial is TrialKind.GRADIENTS
        return layer_recipes(claimed=self.host.profiles, seed=self.seed, gradients=gradients)


class _Failed(Exception):  # noqa: N818 - tells Hypothesis that an example fails
    pass


class _Stop(BaseException):  # passes through Hypothesis, which would take an Exception for a failure
    pass


class _Search:
    """What is known of the explored cases; Hypothesis ends on the smallest failing case that it found."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.host = explorer, explorer.host
        self.share, self.decided = 0.0, 0
        self.found: Evidence | Fault | None = None
        self._identity: tuple[str, ...] | None = None
        self._held: set[str] = set()
        self._left, self._end = WITNESSES, 0.0

    def example(self, recipe: Recipe) -> None:
        """Examine one case, unless it held before: Hypothesis returns to cases, most of all to small ones."""
        if recipe.to_json() in self._held:
            return
        if self._identity:
            self._left -= 1
            if self._left < 0 or time.monotonic() > self._end:
                raise _Stop
        self._examine(recipe)
        self._held.add(recipe.to_json())

    def _examine(self, drawn: Recipe) -> None:
        recipe: Recipe | None = drawn
        try:
            recipe = self.explorer.adapt(drawn)
            failed = self._first_failure(recipe) if recipe else None
        except Fault as fault:
            self._record(fault.identity, Fault(_explored(fault.problem, recipe or drawn)))
        else:
            if failed and failed.explored:
                self._record((failed.explored.check, failed.clause), failed)

    def _first_failure(self, recipe: Recipe) -> Evidence | None:
        subject = recipe.make(self.explorer.precision)
        for check in applicable_checks(self.explorer.exploration.trial, recipe, self.host.profiles):
            evidence = run_check(check, subject, self.host)
            if evidence is None:
                continue
            self.decided += 1
            if evidence.problem:
                return _blamed(check, evidence, evidence.problem, recipe)
            self.share = max(self.share, evidence.share)
        return None

    def _record(self, identity: tuple[str, ...], failure: Evidence | Fault) -> None:
        """Keep to the first defect, so that shrinking does not go from one defect to another."""
        if self._identity is None:
            self._identity, self._end = identity, time.monotonic() + SECONDS
        if identity == self._identity:
            self.found = failure
            raise _Stop if self.host.dead else _Failed


def _blamed(check: Check, evidence: Evidence, problem: Problem, recipe: Recipe) -> Evidence:
    """The evidence, blamed on the clause and stage of the check that failed on the explored case."""
    return replace(
        evidence,
        problem=_explored(problem, recipe),
        clause=check.broken_clause(evidence),
        stage=check.stage,
        explored=Explored(check.id, recipe.to_json()),
    )


def _explored(problem: Problem, recipe: Recipe) -> Problem:
    return replace(problem, hints=(*problem.hints, Hint(HintKind.EXPLORED, {"case": str(recipe)})))


def _run(search: _Search, recipes: Any, exploration: Exploration, seed: int) -> None:
    """Only this function imports Hypothesis, because the import is slow."""
    import hypothesis
    from hypothesis import HealthCheck, Phase

    quiet: Any = hypothesis.settings(
        max_examples=exploration.examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    given: Any = hypothesis.given(recipes)
    explored = hypothesis.seed(f"{seed}/{exploration.name}")(quiet(given(search.example)))
    # Hypothesis complains about a backend that answers one input in two ways; the first failure counts
    with suppress(_Failed, _Stop, hypothesis.errors.Flaky):
        explored()
