"""Rules between clauses, checks and mutants: each function returns the violations of one rule, as sentences.

``tests/test_spec.py`` and ``tests/conformance/test_mutants.py`` apply the rules to the project.
``tests/conformance/test_clause_gate.py`` tests that the rules find violations.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from peerspec.conformance.check import Check
from peerspec.conformance.plan import PRECISIONS, PROFILES, Plan

__all__ = ["clauseless", "idle", "uncaught", "unchecked"]


def unchecked(clauses: Collection[str], checks: Iterable[Check], reasons: Mapping[str, str]) -> list[str]:
    """Clauses without a check or a reason, and unused reasons; a reason may name a whole family of clauses."""
    checked = {clause for check in checks for clause in check.clauses}
    unchecked_ids = [id for id in clauses if id not in checked]
    excused = {id for id in unchecked_ids if {id, _family(id)} & reasons.keys()}
    stale = reasons.keys() - excused - set(map(_family, excused))
    return [f"{id} has neither a check nor a reason" for id in unchecked_ids if id not in excused] + [
        f"the reason for {id} excuses nothing" for id in sorted(stale)
    ]


def clauseless(clauses: Collection[str], checks: Iterable[Check]) -> list[str]:
    """Checks that decide no clause, or a clause that does not exist."""
    checks = tuple(checks)
    return [f"{check.id} decides no clause" for check in checks if not check.clauses] + [
        f"{check.id} decides {id}, which is no clause" for check in checks for id in check.clauses if id not in clauses
    ]


def uncaught(clauses: Collection[str], caught: Collection[str], reasons: Mapping[str, str]) -> list[str]:
    """Clauses without a mutant that is caught there; ``caught`` holds the clauses of first findings."""
    return [f"no wrong backend is caught at {id}" for id in clauses if id not in caught and id not in reasons] + [
        f"the reason for {id} is stale" for id in reasons if id in caught or id not in clauses
    ]


def idle(checks: Sequence[Check], *, size: str) -> list[str]:
    """Checks that have no case in a run of this size, for a backend that claims everything."""
    run = {step.check.id for step in Plan.make({*PRECISIONS, *PROFILES}, size=size, checks=checks).steps}
    return [f"{check.id} has no case at the size {size}" for check in checks if check.id not in run]


def _family(id: str) -> str:
    return id.split("-")[0]
