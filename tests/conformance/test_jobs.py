"""Several processes share the precisions of one backend, and the report is the one of a single process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerspec.backends.protocol import PRECISIONS
from peerspec.backends.reference import profiles
from peerspec.conformance import check_backend
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


def test_progress_counts_every_step_once() -> None:
    seen: list[int] = []
    check_backend("reference", size="minimal", jobs=2, progress=lambda number, total, name: seen.append(number))
    assert sorted(seen) == list(range(len(Plan.make(profiles, size="minimal").steps)))
