"""One character for a status, or a word if the terminal cannot show it."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from peerspec.conformance.kinds import Status
from peerspec.conformance.report import Report

__all__ = ["mark", "profile_status"]

_SIGNS = {
    Status.PASS: ("✓", "ok", "green"),
    Status.FAIL: ("✗", "FAIL", "bold red"),
    Status.ERROR: ("!", "ERROR", "bold yellow"),
    "": ("–", "-", "dim"),
}


def mark(status: str, console: Console) -> Text:
    """The sign of a status: pass, fail, error, or empty if nothing was decided."""
    sign, word, style = _SIGNS[status]
    return Text(sign if console.encoding.lower().startswith("utf") else word, style)


def profile_status(report: Report, profile: str) -> str:
    """The most severe status of one profile, ``core`` or a precision; a waived failure passes; empty if none ran."""
    findings = [f for f in report.findings if profile in (f.profile, f.precision)]
    seen = {Status.PASS if finding.status == Status.WAIVED else finding.status for finding in findings}
    return next((status for status in (Status.ERROR, Status.FAIL, Status.PASS) if status in seen), "")
