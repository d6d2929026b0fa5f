"""The page of the tester names every backend that it was measured with, and its figures add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tester.md").read_text("utf-8")


def rows(head: str) -> list[list[str]]:
    """The cells of the table whose first heading this is."""
    [table] = re.findall(rf"^\| {head} \|.*\n\| ---.*\n((?:\|.*\n?)+)", PAGE, re.MULTILINE)
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]


def names(head: str) -> list[str]:
    return [row[0].strip(" `") for row in rows(head)]


@pytest.mark.parametrize(("head", "folder"), [("wrong backend", "mutants"), ("correct backend", "variants")])
def test_the_page_lists_every_backend(head: str, folder: str) -> None:
    assert sorted(names(head)) == sorted(path.stem for path in (ROOT / "tests" / folder).glob("[!_]*.py"))


def test_the_wrong_backends_by_kind_and_by_check_are_all_of_them() -> None:
    by_kind = {kind.strip(): int(number) for kind, number in rows("wrong backends break first a clause of")}
    total = len(names("wrong backend"))
    assert f"Wrong backends, written by hand: {total}, of which 0 survive" in PAGE
    assert by_kind["not found"] == 0
    assert sum(by_kind.values()) == total
    assert sum(int(number) for _, number in rows("check")) == total


def test_the_mutants_of_all_operators_are_those_of_the_summary() -> None:
    made, found, missed, explained = (sum(map(int, column)) for column in list(zip(*rows("operator"), strict=True))[1:])
    assert made == found + missed + explained
    assert missed == 0
    assert f"made by operator: {found}, of which 0 survive; {explained} more are equivalent" in PAGE


def test_no_correct_backend_was_accused_in_any_run() -> None:
    _, _, runs, false, _ = zip(*rows("correct backend"), strict=True)
    assert not any(map(int, false))
    assert f"{len(runs)}, {sum(map(int, runs))} runs" in PAGE
