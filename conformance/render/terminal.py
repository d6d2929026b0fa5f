"""A report on a terminal: the failures, the nearest to the cause first, then the verdict."""

from __future__ import annotations

import math

from rich.console import Console
from rich.text import Text

from peerspec.conformance.clauses import clauses
from peerspec.conformance.finding import Finding
from peerspec.conformance.kinds import Reason, Status
from peerspec.conformance.plan import PRECISIONS, PROFILES
from peerspec.conformance.render.acceptance import acceptance
from peerspec.conformance.render.clause_link import clause_link
from peerspec.conformance.render.marks import mark
from peerspec.conformance.report import Report
from peerspec.files.shown import printable

__all__ = ["CAVEAT", "left_out", "show", "show_failures", "show_verdict", "worst_share"]

WHOLE = 5
"""Failures shown with the text of their clause; each further one has a line."""
REASONS = 5
"""Reasons for declining configurations that are shown."""
CAVEAT = "Passing is evidence and not proof: a suite sees finitely many inputs."


def show(report: Report, console: Console) -> None:
    """Print failures, verdict, and the conditions of the run."""
    if show_failures(report, console):
        console.print()
    show_verdict(report, console)
    for line in _remarks(report):
        _indented(Text(line, "dim"), 2, console)


def show_failures(report: Report, console: Console) -> bool:
    """Print failures and errors, core before the profiles, each in the order of the stages; False if there is none."""
    causes = [f for f in report.of(Status.FAIL, Status.ERROR) if f.status == Status.ERROR or f in report.causes]
    for number, finding in enumerate(causes[:WHOLE]):
        _show_whole(finding, console, first=number == 0)
    if rest := causes[WHOLE:]:
        console.print(Text(f"\n  and {len(rest)} more", "bold"))
        _show_short(rest, console)
    if hidden := len(report.of(Status.FAIL, Status.ERROR)) - len(causes):
        console.print(
            Text(f"\n  {hidden} further check{'s were' if hidden > 1 else ' was'} blocked by these failures", "dim")
        )
    return bool(causes)


def show_verdict(report: Report, console: Console) -> None:
    """Print the verdict in one line."""
    name, colour = (
        Text(f" {printable(report.backend)}: ", "bold"),
        ("green", "bold red", "bold yellow")[report.exit_status],
    )
    precisions = f" ({', '.join(report.precisions)})" if report.conformant and not report.partial else ""
    console.print(
        mark(report.status, console) + name + Text(printable(f"{report.verdict}{precisions}"), colour), soft_wrap=True
    )


def worst_share(report: Report) -> float:
    """The largest finite error divided by its bound."""
    shares = [f.share for f in report.of(Status.PASS, Status.FAIL, Status.WAIVED) if math.isfinite(f.share)]
    return max(shares, default=0.0)


def left_out(report: Report) -> list[str]:
    """The checks that did not run because the backend declined all their cases, with their precisions."""
    return [finding.name for finding in report.findings if finding.reason is Reason.CONFIGURATION_DECLINED]


def _show_whole(finding: Finding, console: Console, *, first: bool) -> None:
    clause = finding.clauses[0] if finding.status == Status.FAIL else "no answer"
    head = Text.assemble(
        "\n", mark(finding.status, console), " ", (printable(finding.stage), "bold"), "  ",
        clause_link(printable(clause), "bold red"), "  ", printable(finding.name),
        ("  nearest to the cause" if first else "", "yellow"),
    )  # fmt: skip
    console.print(head)
    if finding.status == Status.FAIL and finding.clauses[0] in clauses():
        _indented(Text(clauses()[finding.clauses[0]].summary, "italic"), 4, console)
    _indented(Text(finding.message), 4, console)
    for line in finding.raised.splitlines():
        _indented(Text(line, "dim"), 4, console)
    if finding.case and finding.status == Status.FAIL:
        _indented(Text(f"in the case {finding.case}", "dim"), 4, console)


def _show_short(findings: list[Finding], console: Console) -> None:
    names = [printable(finding.name) for finding in findings]
    for name, finding in zip(names, findings, strict=True):
        clause = finding.clauses[0] if finding.status == Status.FAIL else "–"
        line = Text.assemble(
            "  ",
            clause_link(printable(clause), "red", width=8),
            f"{name:<{max(map(len, names))}}  ",
            (printable(" ".join(finding.message.split())), "dim"),
        )
        line.truncate(console.width, overflow="ellipsis")
        console.print(line, soft_wrap=True)


def _remarks(report: Report) -> list[str]:
    ran = report.of(Status.PASS, Status.FAIL, Status.WAIVED)
    held = " had passed" if report.status is Status.ERROR else ""
    share = f"largest error {worst_share(report):.2g} of its bound, " if ran else ""
    lines = [
        f"{len(ran)} checks on {sum(f.cases for f in ran)} cases{held}, {share}{report.seconds:.1f} s; "
        f"spec {report.versions.get('spec', '?')}, size {report.size}, seed {report.seed}",
    ]
    for what, claimed in (("claims", True), ("does not claim", False)):
        if names := [name for name in (*PRECISIONS, *PROFILES) if (name in report.claimed) == claimed]:
            lines.append(f"{what} {', '.join(names)}")
    lines += [f"declines {reason}" for reason in report.declined[:REASONS]]
    if more := len(report.declined[REASONS:]):
        lines.append(f"declines configurations for {more} further reasons, which the other forms of the report list")
    if names := left_out(report):
        lines.append(f"without {', '.join(names)}, because it declines every configuration of their cases")
    lines += [f"waived {f.name}: {f.message} ({acceptance(f)})" for f in report.of(Status.WAIVED)]
    return lines


def _indented(text: Text, by: int, console: Console) -> None:
    """Print wrapped lines; rich itself would pad them with spaces."""
    for line in text.wrap(console, max(20, console.width - by)):
        line.rstrip()
        console.print(Text(" " * by) + line, soft_wrap=True)
