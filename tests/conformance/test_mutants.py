"""Every wrong backend is caught at the clause and stage that its file names."""

from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from support.clause_gate import uncaught

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.clauses import clauses
from peerspec.conformance.report import Report
from peerspec.conformance.suite import CHECKS

FOLDER = Path(__file__).parents[1] / "mutants"
FILES = sorted(FOLDER.glob("[!_]*.py"))
AT_LEAST = 275

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


@cache
def judged(path: Path) -> Report:
    return check_backend(mutant(path), timeout=float("inf"), stop_early=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_mutant_is_first_found_at_the_clause_and_stage_it_names(path: Path) -> None:
    module, report = mutant(path), judged(path)
    found = report.first
    assert found is not None, f"survived: {report.verdict}"
    assert not report.conformant
    assert (found.clauses[0], found.stage) == (module.CLAUSE, module.STAGE), f"{found.check}: {found.message}"


def test_there_are_enough_mutants_and_each_says_what_is_wrong() -> None:
    assert len(FILES) >= AT_LEAST
    assert all((mutant(path).__doc__ or "").strip() for path in FILES)
    assert {mutant(path).CLAUSE for path in FILES} <= set(clauses())


def test_every_clause_that_checks_decide_has_a_mutant_or_a_reason() -> None:
    caught = {found.clauses[0] for path in FILES if (found := judged(path).first)}
    assert uncaught(DECIDED, caught, WITHOUT) == []


def test_every_check_is_the_first_to_catch_some_mutant() -> None:
    catching = {found.check for path in FILES if (found := judged(path).first)}
    assert catching == {check.id for check in CHECKS}
