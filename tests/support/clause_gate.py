"""The gate between clauses, checks and wrong backends, both ways: each function lists what must not be, in sentences.

``tests/test_spec.py`` and ``tests/conformance/test_mutants.py`` hold the project to it, and
``tests/conformance/test_clause_gate.py`` holds the gate to finding what it is there for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from peerspec.conformance.check import Check
from peerspec.conformance.plan import PRECISIONS, PROFILES, Plan

__all__ = ["clauseless", "idle", "uncaught", "unchecked"]


def unchecked(clauses: Collection[str], checks: Iterable[Check], reasons: Mapping[str, str]) -> list[str]:
    """Clauses without a check or a reason, and reasons that excuse nothing; a reason may name a whole family."""
    checked = {clause for check in checks for clause in check.clauses}
    open_ones = [id for id in clauses if id not in checked]
    excused = {id for id in open_ones if {id, _family(id)} & reasons.keys()}
    stale = reasons.keys() - excused - set(map(_family, excused))
    return [f"{id} has neither a check nor a reason" for id in open_ones if id not in excused] + [
        f"the reason for {id} excuses nothing" for id in sorted(stale)
    ]


def clauseless(clauses: Collection[str], checks: Iterable[Check]) -> list[str]:
    """Checks that decide no clause, or one that does not exist."""
    checks = tuple(checks)
    return [f"{check.id} decides no clause" for check in checks if not check.clauses] + [
        f"{check.id} decides {id}, which is no clause" for check in checks for id in check.clauses if id not in clauses
    ]


def uncaught(clauses: Collection[str], caught: Collection[str], reasons: Mapping[str, str]) -> list[str]:
    """Clauses whose breach no wrong backend shows; ``caught`` are those of first findings."""
    return [f"no wrong backend is caught at {id}" for id in clauses if id not in caught and id not in reasons] + [
        f"the reason for {id} is stale" for id in reasons if id in caught or id not in clauses
    ]


def idle(checks: Sequence[Check], *, size: str) -> list[str]:
    """Checks that a run of this size on a backend that claims everything would never put."""
    run = {step.check.id for step in Plan.make({*PRECISIONS, *PROFILES}, size=size, checks=checks).steps}
    return [f"{check.id} has no case at the size {size}" for check in checks if check.id not in run]


def _family(id: str) -> str:
    return id.split("-")[0]
