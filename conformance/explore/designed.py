"""The trial of a designed case: a row of the covering array, examined by every check that applies to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from peerspec.conformance.cases import CoveringCase
from peerspec.conformance.cases.recipe import Recipe
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.explore.applicable import applicable_checks
from peerspec.conformance.explore.examine import diagnosed_recipe, examine_recipe, explored_problem
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.reference import Precision

__all__ = ["DESIGNED_CHECKS", "DesignedTrial"]


class DesignedTrial:
    """A row and the backend; ``adapt`` gives the recipe itself, one that stands for it, or None (CNF-4)."""

    shows_routing = True

    def __init__(
        self, case: CoveringCase, host: Host, precision: Precision, seed: int, adapt: Callable[[Recipe], Recipe | None]
    ) -> None:
        self.case, self.host, self.precision, self.adapt = case, host, precision, adapt
        self.recipe = replace(case.recipe, seed=case.recipe.seed + seed)

    def evidence(self) -> Iterator[Evidence]:
        """The largest share of a bound, or the first failure; nothing if the row is declined or undecided.

        Raises:
            Fault: the backend gave no answer.
        """
        recipe = self.adapt(self.recipe)
        if recipe is None:
            return
        try:
            checks = applicable_checks(self.case.kind, recipe, self.host.profiles)
            found = examine_recipe(self.case.kind, checks, recipe, self.host, self.precision)
        except Fault as fault:
            raise Fault(explored_problem(fault.problem, recipe)) from None
        if found.failure:
            yield diagnosed_recipe(found.failure, self.host, self.precision)
        elif found.decided:
            yield Evidence(found.share)


def _examine(trial: DesignedTrial) -> Iterator[Evidence]:
    yield from trial.evidence()


DESIGNED_CHECKS = (
    Check(
        "cover.layer",
        ("OUT-1", "SHP-1", "SHP-2", "SCO-1", "SCO-4", "SEL-3", "SEL-2", "SEL-7", "SEL-6", "GAT-1", "IND-1", "IND-2"),
        Stage.ACCUMULATION,
        "cover.layer",
        _examine,
        "Does the layer hold for every pair of options, sizes, masks, kinds of entries and orders of memory?",
        trial=TrialKind.DESIGNED,
    ),
    Check(
        "cover.gradients",
        ("GRD-1", "GRD-2", "GRD-3", "GRD-4", "GRD-7"),
        Stage.GRADIENT,
        "cover.gradients",
        _examine,
        "Do gradients hold for every pair of options, sizes, masks, kinds of entries and orders of memory?",
        profile="training",
        trial=TrialKind.DESIGNED,
    ),
)
