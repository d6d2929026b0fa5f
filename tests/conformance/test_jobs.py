"""Several processes share the cases of one backend, and the report is the one of a single process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from peerspec.backends.reference import profiles
from peerspec.conformance import check_backend
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.meter import Standing
from peerspec.conformance.order import shares, units
from peerspec.conformance.plan import Plan

LAYER = TrialKind.LAYER
SOME = ("cover", "experts", "growth", "structure", "token-choice")


@pytest.mark.parametrize("jobs", [1, 2, 3, 9])
def test_shares_hold_every_case_once_and_in_order_and_keep_a_configuration_together(jobs: int) -> None:
    whole = units(Plan.make(profiles, size="default"))
    parts = shares(whole, jobs)
    assert len(parts) == jobs
    place = {unit.key: number for number, unit in enumerate(whole)}
    numbers = [[place[unit.key] for unit in part] for part in parts]
    assert all(part == sorted(part) for part in numbers)
    assert sorted(number for part in numbers for number in part) == [*range(len(whole))]
    owners = [{(unit.definition.config, unit.precision) for unit in part if unit.kind is LAYER} for part in parts]
    assert sum(map(len, owners)) == len(set().union(*owners)) > 9
    work = [sum(unit.work for unit in part) for part in parts]
    assert max(work) <= min(work) + max(unit.work for unit in whole)


def test_there_are_no_more_shares_than_cases() -> None:
    whole = units(Plan.make(profiles, size="minimal", only=["growth.steps"], profiles=["float32"]))
    assert [len(part) for part in shares(whole, 99)] == [1] * len(whole)
    assert shares((), 3) == [()]


def test_two_processes_give_the_report_of_one() -> None:
    one, two = (check_backend("reference", size="minimal", jobs=jobs, only=SOME) for jobs in (1, 2))
    assert replace(two, seconds=one.seconds) == one


def test_several_processes_find_one_refusal_as_a_single_process_does(tmp_path: Path) -> None:
    text = "from peerspec.backends.reference import *\nfrom peerspec.backends.reference import name, profiles\n"
    supports = "def supports(c, dtype): return f'no h in {dtype}' if c.heads > 4 and dtype != 'float32' else True\n"
    (tmp_path / "mine.py").write_text(text + supports, "utf-8")
    one, two = (check_backend(str(tmp_path / "mine.py"), size="minimal", jobs=jobs) for jobs in (1, 2))
    assert [finding.name for finding in one.of("fail")] == ["structure.supports[float64]"]
    assert replace(two, seconds=one.seconds) == one


def test_progress_counts_the_cases_of_every_process_once() -> None:
    seen: list[Standing] = []
    check_backend("reference", size="minimal", jobs=2, only=SOME, progress=seen.append)
    cases = len(units(Plan.make(profiles, size="minimal", only=SOME)))
    assert [standing.done for standing in seen] == sorted(standing.done for standing in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].case) == (cases, cases, "")
    assert len({standing.case for standing in seen}) == cases + 1, "each case begins once"
