"""Reports on a terminal: no line is too wide or ends in spaces, and nothing depends on colour."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from peerspec.conformance import check_backend
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.render.table import show_table
from peerspec.conformance.render.terminal import show
from peerspec.conformance.report import Report

PASSED = Finding("gates.softmax", ("GAT-1",), "gate", "core", "float32", Status.PASS, 3, 0.5)
FAILED = replace(PASSED, status=Status.FAIL, share=2e6, message="the gate is wrong, " * 9, case="exact.whole")
BLOCKED = replace(FAILED, reason=Reason.BLOCKED, message="not checked, because the gate is wrong")
REPORT = Report("mine", ("float32",), ("float32",), True, (), False, (PASSED,), "minimal", 0, 0.5, {"spec": "0.9"})


def shown(report: Report, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    show(report, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_no_line_is_wider_than_the_terminal_or_ends_in_spaces(width, count):
    findings = (PASSED, *[FAILED] * count, BLOCKED)
    for line in shown(replace(REPORT, findings=findings, declined=("reason " * 30,)), width).splitlines():
        assert len(line) <= width
        assert line == line.rstrip()
        assert "\x1b" not in line


def test_the_first_five_failures_are_shown_whole_and_the_rest_in_a_line_each():
    out = shown(replace(REPORT, findings=(FAILED,) * 9))
    assert out.count("in the case exact.whole") == 5
    assert "and 4 more" in out
    assert out.count("nearest to the cause") == 1
    assert out.splitlines()[1].endswith("nearest to the cause")


def test_checks_blocked_by_a_failure_are_counted():
    out = shown(replace(REPORT, findings=(FAILED, BLOCKED, BLOCKED)))
    assert "2 further checks were blocked by these failures" in out


def test_a_blocked_check_is_shown_if_nothing_else_failed():
    out = shown(replace(REPORT, findings=(BLOCKED,)))
    assert "not checked, because the gate is wrong" in out
    assert "further" not in out


def test_an_error_is_no_verdict():
    out = shown(replace(REPORT, findings=(PASSED, replace(FAILED, status=Status.ERROR, message="it hung"))))
    assert "! mine: no verdict: it hung" in out


@pytest.mark.parametrize("count", [2, 4, 7])
def test_the_table_holds_every_backend_at_80_columns(count):
    reports = [replace(REPORT, backend=f"backend-{i}") for i in range(count)]
    console = Console(file=io.StringIO(), width=80, highlight=False)
    show_table(reports, console)
    out = console.file.getvalue()
    assert all(f"backend-{i}" in out for i in range(count))
    assert max(map(len, out.splitlines())) <= 80


def test_names_that_read_like_markup_are_shown_as_they_are():
    report = replace(REPORT, backend="[/b] [bold]x", declined=("[/b]",), findings=(replace(FAILED, message="[/b]"),))
    console = Console(file=io.StringIO(), width=80, highlight=False)
    show(report, console)
    show_table([report, report], console)
    assert console.file.getvalue().count("[/b] [bold]x") == 3


def test_a_check_without_a_precision_has_no_brackets():
    out = shown(replace(REPORT, findings=(replace(FAILED, check="structure.claims", precision=""),)))
    assert "structure.claims  nearest" in out


def test_a_real_report_is_shown_in_order_of_the_stages():
    report = check_backend("reference", size="minimal", only=["gates", "structure"])
    assert "✓ reference: holds as far as it was run" in shown(report)
