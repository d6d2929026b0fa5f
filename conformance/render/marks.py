"""One character for an outcome, or a word where the terminal cannot show it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from peerspec.conformance.report import ERROR, FAIL, PASS, WAIVED, Finding, Report

__all__ = ["mark", "outcome", "profile_marks"]

_SIGNS = {
    PASS: ("✓", "ok", "green"),
    FAIL: ("✗", "FAIL", "bold red"),
    ERROR: ("!", "ERROR", "bold yellow"),
    "": ("–", "-", "dim"),
}


def mark(status: str, console: Console) -> Text:
    """The sign of a status: pass, fail, error, or nothing for what was not judged."""
    sign, word, style = _SIGNS[status]
    return Text(sign if console.encoding.lower().startswith("utf") else word, style)


def outcome(findings: Iterable[Finding]) -> str:
    """The gravest status among the findings, waived ones passing; nothing where none was judged."""
    seen = {PASS if finding.status == WAIVED else finding.status for finding in findings}
    return next((status for status in (ERROR, FAIL, PASS) if status in seen), "")


def profile_marks(report: Report, profile: str) -> str:
    """The outcome of one profile, ``core`` or a precision."""
    return outcome(f for f in report.findings if profile in (f.profile, f.precision))
