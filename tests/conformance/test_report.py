"""Verdicts."""

from dataclasses import replace

import pytest

from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.report import Report

PASSED = Finding("a.b", ("GAT-1",), "gate", "core", "float32", Status.PASS)
FAILED = replace(PASSED, status=Status.FAIL, message="wrong")
BLOCKED = replace(FAILED, clauses=("OUT-1",), reason=Reason.BLOCKED)
ERRED = replace(PASSED, status=Status.ERROR, message="it hung")
REPORT = Report("mine", ("float32",), ("float32",), True, (), False, (), "minimal", 0, 0.5, {})


@pytest.mark.parametrize(
    ("changes", "status", "verdict"),
    [
        ({"findings": (PASSED,)}, 0, "conformant"),
        ({"findings": (PASSED,), "declined": ("gelu",)}, 0, "conformant, with declined configurations"),
        (
            {
                "findings": (PASSED, replace(FAILED, status=Status.WAIVED)),
                "declined": ("gelu",),
                "shows_routing": False,
            },
            0,
            "conformant, with declined configurations, routing not shown, 1 waived",
        ),
        ({"findings": (PASSED,), "shows_routing": False}, 0, "conformant, routing not shown"),
        (
            {"findings": (PASSED,), "partial": True},
            0,
            "holds as far as it was run; run without restrictions for a verdict",
        ),
        ({"findings": (PASSED, replace(FAILED, status=Status.WAIVED))}, 0, "conformant, 1 waived"),
        ({"findings": (PASSED, FAILED, BLOCKED)}, 1, "not conformant: GAT-1"),
        ({"findings": (BLOCKED,)}, 1, "not conformant: OUT-1"),
        ({"findings": (FAILED, ERRED)}, 2, "no verdict: it hung"),
        (
            {"findings": (replace(PASSED, status=Status.NOT_CLAIMED),)},
            1,
            "not conformant: no check decided anything (CNF-1)",
        ),
        ({"precisions": ()}, 1, "not conformant: it claims no precision (CNF-1)"),
    ],
)
def test_the_verdict_follows_from_the_findings(changes, status, verdict):
    report = replace(REPORT, **changes)
    assert (report.exit_status, str(report.verdict)) == (status, verdict)


def test_the_first_failure_is_one_that_no_other_failure_blocked():
    assert replace(REPORT, findings=(BLOCKED, FAILED)).first == FAILED
    assert REPORT.first is None
