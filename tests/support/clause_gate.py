"""Rules between clauses, their index, checks and mutants: each function returns the violations of one, as sentences.

``tests/test_spec.py`` and ``tests/conformance/test_mutants.py`` apply the rules to the project.
``tests/conformance/test_clause_gate.py`` tests that the rules find violations.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from peerspec.conformance.check import Check
from peerspec.conformance.clauses import Clause
from peerspec.conformance.plan import PRECISIONS, PROFILES, Plan
from peerspec.conformance.requirements.index import CLASSES, NOT_JUDGED, IndexRow, deciding

__all__ = ["NORMATIVE", "clauseless", "idle", "misjudged", "misplaced", "uncaught", "unindexed"]

NORMATIVE = re.compile(r"\b(?:MUST|SHOULD|MAY|SHALL|REQUIRED|RECOMMENDED|OPTIONAL)\b")
"""The words of RFC 2119."""


def unindexed(clauses: Collection[str], rows: Sequence[IndexRow]) -> list[str]:
    """Clauses in force without a row in the index, and rows of other clauses or of one clause again."""
    named = [row.id for row in rows]
    return (
        [f"{id} is not in the index" for id in clauses if id not in named]
        + [f"{id} is in the index and not in force" for id in named if id not in clauses]
        + [f"{id} is in the index {named.count(id)} times" for id in dict.fromkeys(named) if named.count(id) > 1]
    )


def misplaced(clauses: Mapping[str, Clause], rows: Iterable[IndexRow]) -> list[str]:
    """Rows with an unknown class or profile, profiles without a layer, or demands that bind no class."""
    known = {"core", "sharded", *PRECISIONS, *PROFILES}
    found: list[str] = []
    for row in rows:
        found += [f"{row.id}: {name!r} is no class" for name in row.classes if name not in CLASSES]
        found += [f"{row.id}: {name!r} is no profile" for name in row.profiles if name not in known]
        if row.profiles and "layer" not in row.classes:
            found.append(f"{row.id} has profiles and binds no layer")
        if not row.classes and row.id in clauses and NORMATIVE.search(clauses[row.id].text):
            found.append(f"{row.id} demands something and binds no class")
    return found


def misjudged(rows: Iterable[IndexRow], root: Path) -> list[str]:
    """Rows that do not name exactly the checks that decide their clause, or name tests that are not there."""
    found: list[str] = []
    for row in rows:
        reasons = [name for name in row.judged_by if name.startswith(NOT_JUDGED)]
        tests = [name for name in row.judged_by if "/" in name and name not in reasons]
        checks = [name for name in row.judged_by if name not in (*tests, *reasons)]
        found += [f"{row.id}: nothing judges it, and no reason is given"] * (not row.judged_by)
        found += [f"{row.id}: {name} is no test" for name in tests if not _is_test(name, root)]
        found += [f"{row.id}: {name} does not decide it" for name in checks if name not in deciding(row.id)]
        found += [f"{row.id}: {name} decides it and is not named" for name in deciding(row.id) if name not in checks]
    return found


def _is_test(name: str, root: Path) -> bool:
    """Whether ``tests/folder/test_file.py`` or ``tests/folder/test_file.py::test_function`` exists."""
    file, _, function = name.partition("::")
    path = root / file
    return path.is_file() and (not function or f"\ndef {function}(" in path.read_text("utf-8"))


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
