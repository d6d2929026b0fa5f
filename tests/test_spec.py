"""SPEC.md and SPEC-ONNX.md: examples run, clauses are frozen as data, and the index says what judges each of them."""

import doctest
import re
from pathlib import Path

import pytest
from support.clause_gate import NORMATIVE, clauseless, idle, misjudged, misplaced, unindexed

from peerspec.backends import load
from peerspec.conformance import check_backend
from peerspec.conformance.clauses import clauses, counted_checks
from peerspec.conformance.requirements.blocks import flow, split_blocks
from peerspec.conformance.requirements.freeze import frozen, indexed_clauses
from peerspec.conformance.requirements.index import parse_index
from peerspec.conformance.suite import CHECKS
from peerspec.reference import SPEC_VERSION

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "SPEC.md", ROOT / "SPEC-ONNX.md")
TEXTS = {path.name: path.read_text("utf-8") for path in DOCUMENTS}
CLAUSES = indexed_clauses(TEXTS)

ROWS = [row for text in TEXTS.values() for row in parse_index(text)]
IN_FORCE = {clause.id: clause for clause in CLAUSES if not clause.superseded_by}


def test_the_worked_examples_are_true() -> None:
    results = doctest.testfile(str(DOCUMENTS[0]), module_relative=False)
    assert results.attempted > 20
    assert results.failed == 0


def test_the_frozen_clauses_are_those_of_the_document() -> None:
    data = ROOT / "conformance" / "requirements" / f"{SPEC_VERSION}.json"
    assert data.read_text("utf-8") == frozen(*DOCUMENTS), (
        "run python -m peerspec.conformance.requirements.freeze SPEC.md SPEC-ONNX.md"
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


@pytest.mark.parametrize("document", TEXTS)
def test_every_normative_sentence_stands_in_the_text_of_a_clause(document: str) -> None:
    in_clauses = "\n\n".join(clause.text for clause in CLAUSES).split("\n\n")
    for block in map(flow, split_blocks(TEXTS[document])):
        if NORMATIVE.search(block) and "are those of RFC 2119" not in block and not block.startswith("```python"):
            text = re.sub(r'^<a id="[A-Z]+-\d+"></a>\*\*[A-Z]+-\d+\*\* (?:\*Superseded by [^*]*\* )?', "", block)
            assert text in in_clauses, text


def test_no_identifier_is_used_twice() -> None:
    ids = [clause.id for clause in CLAUSES]
    assert len(ids) == len(set(ids))


def test_a_superseded_clause_names_one_in_force() -> None:
    assert {clause.superseded_by for clause in CLAUSES if clause.superseded_by} <= IN_FORCE.keys()


def test_every_clause_in_force_is_in_the_index_once() -> None:
    assert unindexed(IN_FORCE, ROWS) == []


def test_the_index_names_classes_and_profiles_that_exist() -> None:
    assert misplaced(IN_FORCE, ROWS) == []


def test_the_index_names_every_check_of_a_clause_and_tests_that_exist_or_says_why_nothing_judges_it() -> None:
    assert misjudged(ROWS, ROOT) == [], "python -m peerspec.conformance.requirements.index SPEC.md writes the checks"


def test_a_check_names_clauses_that_exist() -> None:
    assert clauseless(clauses(), CHECKS) == []


def test_every_check_has_a_case_at_the_default_size() -> None:
    assert idle(CHECKS, size="default") == []
