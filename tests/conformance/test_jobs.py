"""Several processes share the precisions of one backend, and the report is the one of a single process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from peerspec.backends.protocol import PRECISIONS
from peerspec.backends.reference import profiles
from peerspec.conformance import check_backend
from peerspec.conformance.meter import Standing
from peerspec.conformance.order import units
from peerspec.conformance.plan import Plan


@pytest.mark.parametrize("jobs", [1, 2, 3, 9])
def test_the_parts_of_a_plan_hold_every_step_once_and_keep_a_precision_whole(jobs: int) -> None:
    plan = Plan.make(profiles, size="default")
    parts = plan.split(jobs)
    assert len(parts) == min(jobs, len(PRECISIONS))
    assert sorted(map(id, plan.steps)) == sorted(id(step) for part in parts for step in part.steps)
    owners = [{step.precision for step in part.steps} for part in parts]
    assert sum(map(len, owners)) == len(set().union(*owners))
    assert sum(len(part.unclaimed) for part in parts) == len(plan.unclaimed)


def test_two_processes_give_the_report_of_one() -> None:
    one, two = (check_backend("reference", size="minimal", jobs=jobs) for jobs in (1, 2))
    assert replace(two, seconds=one.seconds) == one


def test_several_processes_find_one_refusal_as_a_single_process_does(tmp_path: Path) -> None:
    text = "from peerspec.backends.reference import *\nfrom peerspec.backends.reference import name, profiles\n"
    supports = "def supports(c, dtype): return f'no h in {dtype}' if c.heads > 4 and dtype != 'float32' else True\n"
    (tmp_path / "mine.py").write_text(text + supports, "utf-8")
    one, four = (check_backend(str(tmp_path / "mine.py"), size="minimal", jobs=jobs) for jobs in (1, 4))
    assert [finding.name for finding in one.of("fail")] == ["structure.supports[float64]"]
    assert replace(four, seconds=one.seconds) == one


def test_progress_counts_the_cases_of_every_process_once() -> None:
    seen: list[Standing] = []
    check_backend("reference", size="minimal", jobs=2, progress=seen.append)
    cases = len(units(Plan.make(profiles, size="minimal")))
    assert [standing.done for standing in seen] == sorted(standing.done for standing in seen)
    assert (seen[-1].done, seen[-1].total, seen[-1].case) == (cases, cases, "")
    assert len({standing.case for standing in seen}) == cases + 1, "each case begins once"
