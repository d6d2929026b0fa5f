"""Every wrong backend is caught at the clause and stage that its file names.

``python benchmarks/tester.py`` runs the whole suite against each, and keeps which check finds it first. Here that check
runs alone, which is what fits into a test, and the whole suite only where the defect needs the calls of other checks.
"""

import json
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from support.clause_gate import uncaught

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.clauses import clauses
from peerspec.conformance.suite import CHECKS

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "tests" / "mutants").glob("[!_]*.py"))
FIRST = json.loads((ROOT / "benchmarks" / "results" / "mutants.json").read_text("utf-8"))
"""What the last sweep found first, by mutant."""
AT_LEAST = 500

WITHOUT = {
    "SEL-1": "another order breaks SEL-2, which applies it",
    "PRC-4": "a value out of bounds is blamed on the clause of that value, or on PRC-2",
    "PRC-5": "a value that is not exact is blamed on the clause of that value",
}
"""Clauses that checks decide and no mutant names, and why."""
DECIDED = [id for id in clauses() if any(id in check.clauses for check in CHECKS)]


@cache
def mutant(path: Path) -> ModuleType:
    module = load(str(path))
    assert isinstance(module, ModuleType)
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mutant_is_found_at_the_clause_and_stage_it_names(path: Path) -> None:
    module, check = mutant(path), FIRST[path.stem]["check"]
    report = check_backend(module, timeout=float("inf"), only=[check], stop_early=True)
    if report.first is None:
        unused = load(str(path))  # without the state that the calls of one check left in the other
        report = check_backend(unused, timeout=float("inf"), stop_early=True)
    found = report.first
    assert found is not None, f"survived: {report.verdict}"
    assert not report.conformant
    assert (found.clauses[0], found.stage) == (module.CLAUSE, module.STAGE), f"{found.check}: {found.message}"


def test_the_last_sweep_found_every_mutant_first_at_its_clause_and_stage() -> None:
    said = {path.stem: (mutant(path).CLAUSE, mutant(path).STAGE) for path in FILES}
    assert {name: (row["clause"], row["stage"]) for name, row in FIRST.items()} == said


def test_there_are_enough_mutants_and_each_says_what_is_wrong() -> None:
    assert len(FILES) >= AT_LEAST
    assert all((mutant(path).__doc__ or "").strip() for path in FILES)
    assert {mutant(path).CLAUSE for path in FILES} <= set(clauses())


def test_every_clause_that_checks_decide_has_a_mutant_or_a_reason() -> None:
    assert uncaught(DECIDED, {row["clause"] for row in FIRST.values()}, WITHOUT) == []


def test_every_check_is_the_first_to_catch_some_mutant() -> None:
    assert {row["check"] for row in FIRST.values()} == {check.id for check in CHECKS}
