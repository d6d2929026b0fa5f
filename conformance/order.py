"""The order in which the cases of a plan run, which is not the order of its report.

The case comes next that shows the most that is new for its work: a check, a check in a width of numbers, options, an
activation, or a size on another side of an edge. So the first case of every check runs before the second of most, and
most defects show within a small part of the time (``benchmarks/order.py`` measures it). All checks on a case run
together, because they share the answers of the backend. Cases of one configuration keep the order of the suite: a
backend that stores something by configuration is then found at the same clause in either order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any

from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.novelty import features
from peerspec.conformance.plan import Plan, Step
from peerspec.conformance.work import work

__all__ = ["Unit", "shares", "units"]


@dataclass(frozen=True)
class Unit:
    """One case in one precision, with the steps that examine it.

    Attributes:
        kind: the kind of its trial.
        definition: the definition of the case.
        precision: the precision.
        places: the numbers of the steps in the plan, each with the position of the case in it.
        work: the expected work, with that of the smallest case as the unit.
    """

    kind: TrialKind
    definition: Any
    precision: str
    places: tuple[tuple[int, int], ...]
    work: float

    @property
    def name(self) -> str:
        """The case with its precision."""
        return f"{self.definition.name}[{self.precision}]"

    @property
    def key(self) -> tuple[str, str, str]:
        """What no other unit of the suite has."""
        return self.kind.value, self.definition.name, self.precision


def units(plan: Plan) -> tuple[Unit, ...]:
    """The units of a plan in the order in which they run."""
    places: dict[tuple[TrialKind, str, str], list[tuple[int, int]]] = {}
    for number, step in enumerate(plan.steps):
        for position, case in enumerate(step.cases):
            places.setdefault((step.check.trial, case.name, step.precision), []).append((number, position))
    found = [_unit(plan.steps, tuple(where)) for where in places.values()]
    return _by_novelty(found, [features(unit.kind, unit.definition, _checks(unit, plan)) for unit in found])


def shares(units: Sequence[Unit], jobs: int) -> list[tuple[Unit, ...]]:
    """At most ``jobs`` shares of about equal work, each in the order of the units; one chain stays together."""
    chains = sorted(_chains(units), key=lambda chain: sum(units[i].work for i in chain), reverse=True)
    numbers: list[list[int]] = [[] for _ in range(max(1, min(jobs, len(chains))))]
    work = [0.0] * len(numbers)
    for chain in chains:
        least = work.index(min(work))
        numbers[least] += chain
        work[least] += sum(units[i].work for i in chain)
    return [tuple(units[i] for i in sorted(share)) for share in numbers]


def _unit(steps: Sequence[Step], places: tuple[tuple[int, int], ...]) -> Unit:
    number, position = places[0]
    step = steps[number]
    definition = step.cases[position]
    return Unit(step.check.trial, definition, step.precision, places, work(definition, len(places)))


def _checks(unit: Unit, plan: Plan) -> list[tuple[str, str]]:
    """The checks on a unit with the precision."""
    return [(plan.steps[number].check.id, unit.precision) for number, _ in unit.places]


def _by_novelty(units: Sequence[Unit], shown: Sequence[dict[Any, float]]) -> tuple[Unit, ...]:
    """The units, each time the one with the most that is new for its work; at equal worth in the order of the suite."""
    seen: set[Any] = set()
    ordered: list[Unit] = []

    def worth(i: int) -> float:
        return sum(weight for feature, weight in shown[i].items() if feature not in seen) / units[i].work

    chains = _chains(units)
    queue = [(-worth(chain[0]), chain[0]) for chain in chains]
    after = {i: j for chain in chains for i, j in pairwise(chain)}
    heapify(queue)
    while queue:
        _, i = heappop(queue)
        if queue and -worth(i) > queue[0][0]:  # its worth has fallen since it was queued
            heappush(queue, (-worth(i), i))
            continue
        ordered.append(units[i])
        seen.update(shown[i])
        if (j := after.get(i)) is not None:
            heappush(queue, (-worth(j), j))
    return tuple(ordered)


def _chains(units: Sequence[Unit]) -> list[list[int]]:
    """The numbers of the units whose order must stay: those of one configuration and precision."""
    chains: dict[Any, list[int]] = {}
    for i, unit in enumerate(units):
        config = getattr(unit.definition, "config", None)
        chains.setdefault((config, unit.precision) if config else i, []).append(i)
    return list(chains.values())
