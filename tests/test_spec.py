"""SPEC.md: its examples run, its clauses are frozen as data, and every check names existing clauses."""

import doctest
import re
from pathlib import Path

import pytest
from support.clause_gate import clauseless, idle, unchecked

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.clauses import clauses, counted_checks, parse
from peerspec.conformance.requirements.freeze import frozen
from peerspec.conformance.suite import CHECKS
from peerspec.reference import SPEC_VERSION

ROOT = Path(__file__).parents[1]
SPEC = (ROOT / "SPEC.md").read_text("utf-8")

UNCHECKED = {
    "CFG": "the contract does not reach the validation of an implementation; that of the reference is tested",
    "PAR": "a backend receives only valid layers; files and tables are tested with the reference",
    "MET": "metrics are not part of the contract; those of the reference are tested",
    "CST": "backends do not compute these numbers; those of the reference are tested against counting",
    "INP": "they bind the suite and not the backend; tested in test_inputs.py",
    "ONX": "they bind files and kernels, not backends; tests/export tests files, and peerspec verify judges them",
    "CNF": "CNF-1 is the verdict itself and CNF-4 the finding structure.supports",
}


def test_the_worked_examples_are_true() -> None:
    results = doctest.testfile(str(ROOT / "SPEC.md"), module_relative=False)
    assert results.attempted > 20
    assert results.failed == 0


def test_the_frozen_clauses_are_those_of_the_document() -> None:
    data = ROOT / "conformance" / "requirements" / f"{SPEC_VERSION}.json"
    assert data.read_text("utf-8") == frozen(ROOT / "SPEC.md"), (
        "run python -m peerspec.conformance.requirements.freeze SPEC.md"
    )


def test_a_check_newer_than_the_specification_is_shown_and_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = load(str(ROOT / "tests" / "mutants" / "heads_averaged.py"))
    failing = {finding.check for finding in check_backend(mutant, size="minimal").of("fail")}
    older = counted_checks() - failing
    monkeypatch.setattr("peerspec.conformance.findings.counted_checks", lambda: older)
    report = check_backend(mutant, size="minimal")
    assert report.conformant
    assert {finding.check for finding in report.of("waived")} == failing
    assert all(finding.reason == "newer than the spec" for finding in report.of("waived"))


def test_every_normative_sentence_stands_in_a_clause() -> None:
    in_clauses = "".join(clause.text + clause.why for clause in parse(SPEC))
    preamble = "are those of RFC 2119"
    for block in re.split(r"\n{2,}", SPEC):
        flat = " ".join(block.split())
        if re.search(r"\b(MUST|SHOULD|MAY)\b", flat) and preamble not in flat and not flat.startswith("```"):
            text = re.sub(r'^<a id="[A-Z]+-\d+"></a>\*\*[A-Z]+-\d+\*\* |^\*Why[^*]*\*\s*', "", flat)
            assert text in in_clauses, text


def test_no_identifier_is_used_twice() -> None:
    ids = [clause.id for clause in parse(SPEC)]
    assert len(ids) == len(set(ids))


def test_a_check_names_clauses_that_exist() -> None:
    assert clauseless(clauses(), CHECKS) == []


def test_every_clause_has_a_check_or_a_reason_why_none_is_possible() -> None:
    assert unchecked(clauses(), CHECKS, UNCHECKED) == []


def test_every_check_has_a_case_at_the_default_size() -> None:
    assert idle(CHECKS, size="default") == []
