"""The tool that mutates sources: its operators, its trials and its bookkeeping."""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOL = ROOT / "benchmarks" / "mutation"
sys.path.insert(0, str(TOOL))

from books import Books, explanations  # noqa: E402
from kept import Kept  # noqa: E402
from mutant import Mutant, mutants_of  # noqa: E402
from operators import OPERATORS  # noqa: E402
from targets import TARGETS, all_mutants  # noqa: E402
from trials import DIED, SURVIVED, TIMED_OUT, Judge, Trial, judged_by_suite, run_trials  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:os.fork")
"""JAX warns of forks of its process; no trial uses JAX."""
EVERY = all_mutants()
EXPLAINED = explanations(TOOL / "equivalent.json")
PUBLISHED = json.loads((ROOT / "benchmarks" / "results" / "mutation.json").read_text("utf-8"))
SAMPLE = 8


def changes(source: str) -> set[str]:
    return {mutant.change for mutant in mutants_of("", "", source)}


def mutant_of(file: str, change: str) -> Mutant:
    return next(mutant for mutant in EVERY if (mutant.file, mutant.change) == (file, change))


WRONG = mutant_of("stage_gates.py", "powers.sum(-1, keepdims=True) → _narrow.float16(powers.sum(-1, keepdims=True))")
SAME = mutant_of(
    "stage_selection.py", "_check_half_scores(scores1, scores2, k) → _check_half_scores(scores2, scores1, k)"
)


def test_each_operator_changes_one_of_the_targets() -> None:
    assert {mutant.operator for mutant in EVERY} == set(OPERATORS)
    assert {mutant.target for mutant in EVERY} == set(TARGETS)


def test_no_two_mutants_have_one_source_or_one_key() -> None:
    assert len({(mutant.file, mutant.source) for mutant in EVERY}) == len(EVERY)
    assert len({mutant.key for mutant in EVERY}) == len(EVERY)


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("def f(a):\n    return a < 1", "a < 1 → a <= 1"),
        ("def f(a):\n    return a[:, :8]", "a[:, :8] → a[:, :8 - 1]"),
        ("def f(a):\n    return a[1:]", "a[1:] → a[1 - 1:]"),
        ("def f(a):\n    return range(a)", "range(a) → range(a - 1)"),
        ("def f(a, b):\n    return ceil_div(a, b)", "ceil_div(a, b) → a // b"),
        ("def f(inside, a):\n    return np.where(inside, a, 0)", "np.where(inside, a, 0) → np.where(~inside, a, 0)"),
        ("def f(a, mask):\n    return a[mask]", "a[mask] → a"),
        ("def f(a):\n    return a.sum(0)", "a.sum(0) → a.sum(1)"),
        ("def f(a, b):\n    return a @ b", "a @ b → _narrow.tf32(a) @ _narrow.tf32(b)"),
        ("def f(a, b):\n    a += b", "a += b → a = _narrow.bfloat16(a + b)"),
        ("def f(a, b):\n    a += b", "a += b → pass"),
        ("def f():\n    return -np.inf", "-np.inf → -10000.0"),
        ("def f(a):\n    return a.copy()", "a.copy() → a"),
        ("def f(a, b):\n    key = (a, b)", "(a, b) → (b,)"),
        ("def f(a, b):\n    return min(a, b)", "min(a, b) → max(a, b)"),
        ("def f(a):\n    if a:\n        b = 1", "a → False"),
        ("def f(head):\n    return g(head)", "head → head * 0"),
        ("def f(a):\n    return np.argsort(a, kind='stable')", "np.argsort(a, kind='stable') → np.argsort(a)"),
    ],
)
def test_an_operator_makes_the_change_that_its_name_says(source: str, change: str) -> None:
    assert change in changes(source)


def test_messages_docstrings_and_annotations_stay_as_they_are() -> None:
    source = 'def f(a: int = 1 + 1) -> int:\n    """1 < 2"""\n    if a < 1:\n        raise ValueError(f"{a + 1}")\n'
    assert changes(source) == {"a < 1 → True", "a < 1 → False"}


def test_the_suite_finds_a_wrong_mutant_and_nothing_in_an_equivalent_one() -> None:
    trials = list(run_trials([WRONG, SAME], judged_by_suite("minimal"), jobs=1, limit=60))
    assert [trial.mutant for trial in trials] == [WRONG, SAME]
    assert "gates.softmax" in trials[0].found
    assert trials[1].found == SURVIVED


def test_no_mutant_that_is_found_has_an_explanation() -> None:
    """A sample at the minimal size; the command tries all of them at the default size."""
    sample = EVERY[:: len(EVERY) // SAMPLE]
    books = Books(list(run_trials(sample, judged_by_suite("minimal"), jobs=2, limit=300)), EXPLAINED, whole=False)
    assert len(books.survivors) < len(books.trials)
    assert books.left_over == []


def sleep(path: Path, only: object) -> str:
    time.sleep(30)
    return SURVIVED


def die(path: Path, only: object) -> str:
    os._exit(1)


def test_a_mutant_that_does_not_end_and_one_that_dies_are_found() -> None:
    [mutant] = EVERY[:1]
    assert [trial.found for trial in run_trials([mutant], sleep, jobs=1, limit=0.5)] == [TIMED_OUT]
    assert [trial.found for trial in run_trials([mutant], die, jobs=1, limit=30)] == [DIED]


SURVIVES, FOUND = Trial(SAME, SURVIVED, 0.0), Trial(WRONG, "gates.softmax (GAT-1)", 0.0)


def test_kept_trials_are_not_repeated_unless_a_survivor_meets_another_suite(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "kept.jsonl", "a suite")
    assert kept.split([SAME, WRONG]) == ([], [SAME, WRONG])
    for trial in (SURVIVES, FOUND):
        kept.add(trial)
    trials, missing = Kept(kept.path, "a suite").split([SAME, WRONG])
    assert ([trial.found for trial in trials], missing) == ([SURVIVED, FOUND.found], [])
    trials, missing = Kept(kept.path, "a larger suite").split([SAME, WRONG])
    assert ([trial.mutant for trial in trials], missing) == ([WRONG], [SAME])


@pytest.mark.parametrize(("last", "found", "earlier"), [([SAME], SURVIVED, 1), ([], "default", 0)])
def test_an_explained_survivor_of_the_last_results_runs_at_the_minimal_size_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: list[Mutant], found: str, earlier: int
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE"):
        monkeypatch.setenv(name, "1")  # otherwise the command starts itself again with them
    spec = spec_from_file_location("mutation_command", TOOL / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    command = module_from_spec(spec)
    spec.loader.exec_module(command)
    (tmp_path / "mutation.json").write_text(json.dumps({"survivors": [mutant.place for mutant in last]}), "utf-8")
    monkeypatch.setattr(command, "RESULTS", tmp_path / "mutation.json")
    monkeypatch.setattr(command, "KEPT", tmp_path)
    monkeypatch.setattr(command, "judged_by_suite", found_at_default)
    trials = command.tried([SAME], command.options_of(["--earlier"]))
    assert [trial.found for trial in trials] == [found]
    assert Books(trials, EXPLAINED, whole=False).as_json()["survived an earlier suite"] == earlier


def found_at_default(size: str) -> Judge:
    return lambda path, only: size if size == "default" else SURVIVED


def test_the_books_balance_when_every_survivor_is_explained() -> None:
    books = Books([SURVIVES, FOUND], {SAME.key: "it computes the same"}, whole=True)
    assert books.balanced
    rows = books.operators()
    assert rows[SAME.operator]["explained"] == 1
    assert sum(row["made"] for row in rows.values()) == 2
    assert books.as_json()["survivors"][0]["why"] == "it computes the same"


def test_an_explained_mutant_that_exceeds_the_limit_of_time_is_no_defect_that_was_found() -> None:
    slow = Trial(SAME, TIMED_OUT, 300.0)
    assert Books([slow], {SAME.key: "it computes the same"}, whole=True).balanced
    assert Books([slow], {}, whole=True).survivors == []


def test_a_survivor_without_an_explanation_is_reported() -> None:
    books = Books([SURVIVES, FOUND], {}, whole=True)
    assert not books.balanced
    assert books.unexplained == [SURVIVES]


def test_an_explanation_of_what_does_not_survive_is_reported() -> None:
    for whole in (True, False):
        books = Books([FOUND], {WRONG.key: "it computes the same"}, whole=whole)
        assert not books.balanced
        assert books.left_over == [WRONG.key]
    assert Books([FOUND], {SAME.key: "it had no trial in this part"}, whole=False).balanced
    assert Books([FOUND], {SAME.key: "it is no mutant any more"}, whole=True).left_over == [SAME.key]


def test_a_survivor_is_explained_once_and_with_words(tmp_path: Path) -> None:
    path = tmp_path / "equivalent.json"
    for groups in ([("same", [SAME, SAME])], [("same", [SAME]), ("equal", [SAME])], [(" ", [SAME])]):
        path.write_text(json.dumps([{"why": why, "survivors": [m.place for m in each]} for why, each in groups]))
        with pytest.raises(ValueError, match="once and with words"):
            explanations(path)


def test_every_explanation_names_a_mutant_of_the_sources() -> None:
    assert sorted(set(EXPLAINED) - {mutant.key for mutant in EVERY}) == []


def test_the_published_results_are_of_all_mutants_and_explain_every_survivor() -> None:
    survivors = [(row["file"], row["function"], row["text"], row["change"]) for row in PUBLISHED["survivors"]]
    assert (PUBLISHED["size"], PUBLISHED["whole"], PUBLISHED["unexplained"]) == ("default", True, 0)
    assert PUBLISHED["made"] == len(EVERY)
    assert len(survivors) == PUBLISHED["survived"]
    assert set(survivors) == set(EXPLAINED)
    for group in ("operators", "targets"):
        assert sum(row["made"] for row in PUBLISHED[group].values()) == len(EVERY)
        assert sum(row["survived"] for row in PUBLISHED[group].values()) == len(survivors)
