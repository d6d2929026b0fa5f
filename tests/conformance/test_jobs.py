"""Several processes share the precisions of one backend, and the report is the one of a single process."""

from __future__ import annotations

from dataclasses import replace

import pytest

from peerspec.backends.reference import profiles
from peerspec.conformance import check_backend
from peerspec.conformance.plan import Plan


@pytest.mark.parametrize("jobs", [1, 2, 3, 9])
def test_shares_hold_every_step_once_and_keep_a_precision_whole(jobs: int) -> None:
    plan = Plan.make(profiles, size="default")
    shares = plan.split(jobs)
    assert len(shares) == min(jobs, 4)
    assert sorted(map(id, plan.steps)) == sorted(id(step) for share in shares for step in share.steps)
    owners = [{step.precision for step in share.steps} for share in shares]
    assert sum(map(len, owners)) == len(set().union(*owners))
    assert sum(len(share.unclaimed) for share in shares) == len(plan.unclaimed)


def test_the_report_of_two_processes_is_that_of_one() -> None:
    one, two = (check_backend("reference", size="minimal", jobs=jobs) for jobs in (1, 2))
    assert replace(two, seconds=one.seconds) == one


def test_progress_counts_every_step_once() -> None:
    seen: list[int] = []
    check_backend("reference", size="minimal", jobs=2, progress=lambda number, total, name: seen.append(number))
    assert sorted(seen) == list(range(len(Plan.make(profiles, size="minimal").steps)))
