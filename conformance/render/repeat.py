"""The command that repeats one check alone."""

from __future__ import annotations

import shlex

from peerspec.conformance.finding import Finding
from peerspec.conformance.report import Report

__all__ = ["repeat_command"]


def repeat_command(report: Report, finding: Finding) -> str:
    """The command for a shell; ``BACKEND`` stands for an object, which has no name by which to load it."""
    words = ["peerspec", "check", report.address or "BACKEND", "--only", finding.check]
    if finding.precision:
        words += ["--profile", finding.precision]
    return shlex.join([*words, "--size", report.size, "--seed", str(report.seed)])
