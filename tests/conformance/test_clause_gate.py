"""The gate between clauses, checks and mutants finds each kind of gap."""

from dataclasses import replace

from support.clause_gate import clauseless, idle, uncaught, unchecked

from peerspec.conformance import check_backend
from peerspec.conformance.clauses import clauses
from peerspec.conformance.suite import CHECKS

FIRST = CHECKS[0]


def test_a_clause_without_check_or_reason_is_found() -> None:
    assert unchecked(["NEW-1", *FIRST.clauses], [FIRST], {}) == ["NEW-1 has neither a check nor a reason"]
    assert unchecked(["NEW-1", "NEW-2"], [], {"NEW-1": "why", "NEW": "why"}) == []


def test_a_clause_of_the_document_whose_checks_are_removed_is_found() -> None:
    rest = [check for check in CHECKS if "IDX-1" not in check.clauses]
    assert "IDX-1 has neither a check nor a reason" in unchecked(clauses(), rest, {})


def test_a_reason_that_excuses_nothing_is_found() -> None:
    reasons = {FIRST.clauses[0]: "it has a check", "GONE": "there is no such family"}
    found = unchecked(FIRST.clauses, [FIRST], reasons)
    assert found == [f"the reason for {id} excuses nothing" for id in ("GONE", "IDX-1")]


def test_a_check_without_a_clause_or_with_one_that_does_not_exist_is_found() -> None:
    wrong = [replace(FIRST, id="a.none", clauses=()), replace(FIRST, id="a.new", clauses=("NEW-1",)), FIRST]
    assert clauseless(clauses(), wrong) == ["a.none decides no clause", "a.new decides NEW-1, which is no clause"]


def test_a_clause_without_a_caught_mutant_is_found() -> None:
    assert uncaught(["IDX-1", "OUT-2"], {"OUT-2"}, {}) == ["no wrong backend is caught at IDX-1"]
    assert uncaught(["IDX-1"], {"IDX-1"}, {"IDX-1": "why"}) == ["the reason for IDX-1 is stale"]


def test_a_check_without_a_case_is_found() -> None:
    lost = replace(FIRST, id="a.lost", tag="no case has this tag")
    assert idle([FIRST, lost], size="default") == ["a.lost has no case at the size default"]


def test_a_check_whose_cases_decide_nothing_is_an_error_of_the_run(monkeypatch) -> None:
    silent = replace(FIRST, examine=lambda trial: iter(()))
    monkeypatch.setattr("peerspec.conformance.plan.CHECKS", (silent,))
    report = check_backend("reference", size="minimal")
    assert report.exit_status == 2
    assert "none of its cases decided anything" in str(report.verdict)
