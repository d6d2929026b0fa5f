"""The gate between clauses, their index, checks and mutants finds each kind of gap."""

from dataclasses import replace
from pathlib import Path

from support.clause_gate import clauseless, idle, misjudged, misplaced, uncaught, unindexed

from peerspec.conformance import check_backend
from peerspec.conformance.clauses import clauses
from peerspec.conformance.requirements.index import IndexRow, deciding, parse_index, with_checks
from peerspec.conformance.suite import CHECKS

FIRST = CHECKS[0]


ROOT = Path(__file__).parents[2]
ROW = IndexRow("IDX-1", ("layer",), ("core",), deciding("IDX-1"))


def test_a_clause_that_the_index_lacks_or_has_twice_is_found() -> None:
    assert unindexed(["IDX-1", "NEW-1"], [ROW, ROW]) == ["NEW-1 is not in the index", "IDX-1 is in the index 2 times"]
    assert unindexed([], [ROW]) == ["IDX-1 is in the index and not in force"]


def test_a_class_or_profile_that_does_not_exist_is_found() -> None:
    rows = [
        replace(ROW, classes=("layer", "tensor")),
        replace(ROW, profiles=("fast",)),
        replace(ROW, classes=("suite",)),
    ]
    assert misplaced(clauses(), rows) == [
        "IDX-1: 'tensor' is no class", "IDX-1: 'fast' is no profile", "IDX-1 has profiles and binds no layer",
    ]  # fmt: skip


def test_a_demand_that_binds_no_class_is_found() -> None:
    rows = [replace(ROW, classes=(), profiles=()), replace(ROW, id="CST-2", classes=(), profiles=())]
    assert misplaced(clauses(), rows) == ["IDX-1 demands something and binds no class"]


def test_a_check_that_is_not_named_or_does_not_decide_the_clause_is_found() -> None:
    rows = [replace(ROW, judged_by=("experts.rows", "output.sum"))]
    assert misjudged(rows, ROOT) == [
        "IDX-1: output.sum does not decide it",
        *(f"IDX-1: {name} decides it and is not named" for name in deciding("IDX-1") if name != "experts.rows"),
    ]


def test_a_clause_without_checks_tests_and_reason_and_a_test_that_is_gone_are_found() -> None:
    here = f"tests/conformance/{Path(__file__).name}"
    names = (), (here, f"{here}::test_a_check_without_a_case_is_found"), (f"{here}::test_gone",), ("tests/gone.py",)
    rows = [replace(ROW, id="NEW-1", judged_by=judges) for judges in (*names, ("not judged: it is a definition",))]
    assert misjudged(rows, ROOT) == [
        "NEW-1: nothing judges it, and no reason is given", f"NEW-1: {here}::test_gone is no test",
        "NEW-1: tests/gone.py is no test",
    ]  # fmt: skip


def test_the_checks_of_the_suite_replace_those_of_the_index_and_tests_and_reasons_stay() -> None:
    text = (
        "| [IDX-1](#IDX-1) | layer | core | `a.check`, `tests/a.py` |\n| [NEW-1](#NEW-1) | – | – | not judged: why |\n"
    )
    rows = parse_index(with_checks(text))
    assert rows[0] == replace(ROW, judged_by=(*deciding("IDX-1"), "tests/a.py"))
    assert rows[1] == IndexRow("NEW-1", (), (), ("not judged: why",))


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
