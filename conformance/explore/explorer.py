"""Hypothesis draws cases around the fixed ones, the same checks examine them, and a case that fails is shrunk.

The seed of the run and the version of Hypothesis decide what is drawn. Nothing is stored. The recipe in a finding
makes its case again without Hypothesis. Explorations of one source draw the same layers, so that their gradients need
no new shapes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from peerspec.conformance.cases.explorations import Exploration
from peerspec.conformance.cases.recipe import LayerRecipe, Mask, Recipe
from peerspec.conformance.check import Check, Evidence, Explored
from peerspec.conformance.explore.applicable import applicable_checks
from peerspec.conformance.explore.examine import diagnosed_recipe, examine_recipe, explored_problem
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.kinds import TrialKind
from peerspec.reference import Precision

__all__ = ["Explorer", "Identity"]

Identity = tuple[str, ...]
"""What stays while a case shrinks: the check and the clause, or the identity of a fault."""

SECONDS = 10.0
"""After a first failure, how many more seconds the search for a smaller one may take."""


class Explorer:
    """The trial of an exploration: the backend, and the cases to be drawn.

    Args:
        exploration: how much to explore.
        host: the backend.
        precision: the dtypes of the layers, and of the half scores.
        seed: the seed of the run.
        adapt: the recipe itself, one that stands for it, or None if the backend declines it (CNF-4).
        known: the identities of failures that are not looked for.

    Attributes:
        identity: of the failure that was found; empty without one.
        examined: the number of cases on which a check decided something.
        witness: the smallest failing case that was found, also if the backend gave no answer to it.
    """

    shows_routing = True

    def __init__(
        self,
        exploration: Exploration,
        host: Host,
        precision: Precision,
        seed: int,
        adapt: Callable[[Recipe], Recipe | None],
        known: Collection[Identity] = (),
    ) -> None:
        self.exploration, self.host, self.precision, self.seed, self.adapt = exploration, host, precision, seed, adapt
        self.known, self.identity, self.examined = known, Identity(), 0
        self.witness: Explored | None = None

    def evidence(self) -> Iterator[Evidence]:
        """The largest share of a bound, or one failure: the smallest that was found.

        Raises:
            Fault: the backend gave no answer to an explored case.
        """
        search = _Search(self)
        _run(search, self._recipes(), self.exploration, self.seed)
        self.identity, self.examined, self.witness = search.identity or (), search.examined, search.witness
        if isinstance(search.found, Fault):
            raise search.found
        if search.found or search.examined:
            found = search.found
            yield diagnosed_recipe(found, self.host, self.precision) if found else Evidence(search.share)

    def _recipes(self) -> Any:
        from peerspec.conformance.explore.strategies import halves_recipes, layer_recipes

        if self.exploration.trial is TrialKind.SELECTION:
            return halves_recipes(dtype=self.precision.compute)
        return layer_recipes(claimed=self.host.profiles, seed=self.seed, most=self.exploration.most)

    def checks(self, recipe: Recipe) -> Iterator[Check]:
        """The checks that apply to a recipe."""
        exploration = self.exploration
        return applicable_checks(exploration.trial, recipe, self.host.profiles, repeats=exploration.repeats)

    def suited(self, recipe: Recipe) -> Recipe | None:
        """The recipe for this kind of trial in a configuration that the backend takes, or None if it takes none."""
        if isinstance(recipe, LayerRecipe) and self.exploration.trial is TrialKind.GRADIENTS:
            recipe = _for_gradients(recipe, frozen="frozen-statistics" in self.host.profiles)
        return self.adapt(recipe)


def _for_gradients(recipe: LayerRecipe, *, frozen: bool) -> LayerRecipe:
    """At least one token and no NaN; in training, unless the backend claims frozen statistics (GRD-7, GRD-9)."""
    return replace(
        recipe,
        lead=tuple(max(1, size) for size in recipe.lead),
        mask=Mask.SOME if recipe.masked else Mask.NONE,
        training=recipe.config.query_norm == "batch" and (recipe.training or not frozen),
    )


class _Failed(Exception):  # noqa: N818 - tells Hypothesis that an example fails
    pass


class _Stop(BaseException):  # passes through Hypothesis, which would take an Exception for a failure
    pass


class _Search:
    """What is known of the explored cases; Hypothesis ends on the smallest failing case that it found."""

    def __init__(self, explorer: Explorer) -> None:
        self.explorer, self.host = explorer, explorer.host
        self.share, self.examined, self._tried = 0.0, 0, 0
        self.found: Evidence | Fault | None = None
        self.witness: Explored | None = None
        self.identity: Identity | None = None
        self._held: set[str] = set()
        self._left, self._end = explorer.exploration.witnesses, 0.0

    def example(self, recipe: Recipe) -> None:
        """Examine one case, unless it held before: Hypothesis returns to cases, most of all to small ones."""
        if recipe.to_json() in self._held:
            return
        if self.identity:
            self._left -= 1
            if self._left < 0 or time.monotonic() > self._end:
                raise _Stop
        elif self._tried == self.explorer.exploration.examples:
            raise _Stop
        self._tried += 1
        self._examine(recipe)
        self._held.add(recipe.to_json())

    def _examine(self, drawn: Recipe) -> None:
        recipe: Recipe | None = drawn
        try:
            recipe = self.explorer.suited(drawn)
            failed = self._first_failure(recipe) if recipe else None
        except Fault as fault:
            recipe = recipe or drawn
            first = next(self.explorer.checks(recipe)).id
            shown = Fault(explored_problem(fault.problem, recipe))
            self._record(fault.identity, shown, Explored(first, recipe.to_json()))
        else:
            if failed and failed.explored:
                self._record((failed.explored.check, failed.clause), failed, failed.explored)

    def _first_failure(self, recipe: Recipe) -> Evidence | None:
        kind, checks = self.explorer.exploration.trial, self.explorer.checks(recipe)
        found = examine_recipe(kind, checks, recipe, self.host, self.explorer.precision)
        self.examined += found.decided > 0
        self.share = max(self.share, found.share)
        return found.failure

    def _record(self, identity: Identity, failure: Evidence | Fault, witness: Explored) -> None:
        """Keep to the first defect, so that shrinking does not go from one defect to another."""
        if identity in self.explorer.known and not self.host.dead:
            return
        if self.identity is None:
            self.identity, self._end = identity, time.monotonic() + SECONDS
        if identity == self.identity:
            self.found, self.witness = failure, witness
            raise _Stop if self.host.dead else _Failed


def _run(search: _Search, recipes: Any, exploration: Exploration, seed: int) -> None:
    """Only this function imports Hypothesis, because the import is slow."""
    import hypothesis
    from hypothesis import HealthCheck, Phase

    quiet: Any = hypothesis.settings(
        max_examples=exploration.drawn,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    given: Any = hypothesis.given(recipes)
    explored = hypothesis.seed(f"{seed}/{exploration.source}")(quiet(given(search.example)))
    # Hypothesis complains about a backend that answers one input in two ways; the first failure counts
    with suppress(_Failed, _Stop, hypothesis.errors.Flaky):
        explored()
