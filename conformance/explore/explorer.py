"""Hypothesis drawing cases around the fixed ones, judged by the same checks, shrunk to a small witness.

Derandomised: the seed of the run and the version of Hypothesis decide what is drawn. Nothing is remembered or written.
The recipe in a finding makes its case again without Hypothesis.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.explorations import Exploration
from peerspec.conformance.check import Evidence
from peerspec.conformance.explore.checks_within import checks_within
from peerspec.conformance.explore.recipe import LayerRecipe, Recipe
from peerspec.conformance.hosts.call import Fault
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.trials.single_check import clause_of, judge
from peerspec.reference import PeerConfig

__all__ = ["Explorer"]

WITNESSES, SECONDS = 200, 10.0
"""After a first failure, how many more examples and seconds the search for a smaller one may take."""


class Explorer:
    """Stands where other checks have a trial: an exploration, and the backend it is made of.

    Args:
        spec: how much to explore.
        host: the backend.
        dtype: the input dtype, or the compute dtype for ``explore.select``.
        seed: of the run.
        declines: why the backend declines a configuration, or nothing.
    """

    def __init__(
        self,
        spec: Exploration,
        host: Host,
        dtype: np.dtype[Any],
        seed: int,
        declines: Callable[[PeerConfig], str],
    ) -> None:
        self.spec, self.host, self.dtype, self.seed, self.declines = spec, host, dtype, seed, declines

    def evidence(self) -> Iterator[Evidence]:
        """The share of the bounds, or one failure: the smallest found.

        Raises:
            Fault: the backend gave no answer to an explored case.
        """
        search = _Search(self)
        _run(search, self._recipes(), self.spec, self.seed)
        if isinstance(search.found, Fault):
            raise search.found
        if search.found or search.decided:
            yield search.found or Evidence(search.share)

    def _recipes(self) -> Any:
        from peerspec.conformance.explore.strategies import halves_recipes, layer_recipes

        if "explore.select" in self.spec.tags:
            return halves_recipes(dtype=self.dtype)
        gradients = "explore.gradients" in self.spec.tags
        return layer_recipes(claimed=self.host.profiles, seed=self.seed, gradients=gradients)


class _Broken(Exception):  # noqa: N818 - how an example tells Hypothesis that it fails
    pass


class _Enough(BaseException):  # passes through Hypothesis, which would take an Exception for a failure
    pass


class _Search:
    """What is known of the explored cases so far; Hypothesis ends on the smallest one that it found failing."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.host = explorer, explorer.host
        self.share, self.decided = 0.0, 0
        self.found: Evidence | Fault | None = None
        self._kind: tuple[str, str] | None = None
        self._held: set[str] = set()
        self._left, self._end = WITNESSES, 0.0

    def example(self, recipe: Recipe) -> None:
        """Judge one case, unless it held before: Hypothesis likes to come back to cases, above all to small ones."""
        if recipe.to_json() in self._held:
            return
        if self._kind:
            self._left -= 1
            if self._left < 0 or time.monotonic() > self._end:
                raise _Enough
        self._judge(recipe)
        self._held.add(recipe.to_json())

    def _judge(self, recipe: Recipe) -> None:
        if isinstance(recipe, LayerRecipe) and self.explorer.declines(recipe.config):
            return
        try:
            failed = self._first_failure(recipe)
        except Fault as fault:
            found = Fault(f"at {recipe}: {fault}")
            found.raised = fault.raised
            self._record(("no answer", str(fault).split(":")[0]), found)
        else:
            if failed:
                self._record((failed.where["check"], failed.clause), failed)

    def _first_failure(self, recipe: Recipe) -> Evidence | None:
        subject = recipe.make(self.explorer.dtype)
        for check in checks_within(self.explorer.spec.tags, recipe, self.host.profiles):
            evidence = judge(check, subject, self.host)
            if evidence is None:
                continue
            self.decided += 1
            if evidence.problem:
                where = evidence.where | {"check": check.id, "recipe": recipe.to_json()}
                problem = f"{evidence.problem}, in an explored case: {recipe}"
                clause, stage = clause_of(check, evidence), check.stage
                return replace(evidence, problem=problem, clause=clause, stage=stage, where=where)
            self.share = max(self.share, evidence.share)
        return None

    def _record(self, kind: tuple[str, str], failure: Evidence | Fault) -> None:
        """Keep to the first kind of failure, so that shrinking does not slip from one defect to another."""
        if self._kind is None:
            self._kind, self._end = kind, time.monotonic() + SECONDS
        if kind == self._kind:
            self.found = failure
            raise _Enough if self.host.dead else _Broken


def _run(search: _Search, recipes: Any, spec: Exploration, seed: int) -> None:
    """Only here is Hypothesis imported, which takes a while."""
    import hypothesis
    from hypothesis import HealthCheck, Phase

    quiet: Any = hypothesis.settings(
        max_examples=spec.examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    given: Any = hypothesis.given(recipes)
    explored = hypothesis.seed(f"{seed}/{spec.name}")(quiet(given(search.example)))
    # a backend that answers one question in two ways makes Hypothesis complain; what failed once is found
    with suppress(_Broken, _Enough, hypothesis.errors.Flaky):
        explored()
