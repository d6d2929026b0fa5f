"""The command that repeats one check alone."""

from __future__ import annotations

import shlex

from peerspec.conformance.report import Finding, Report

__all__ = ["again"]


def again(report: Report, finding: Finding) -> str:
    """For a shell; ``BACKEND`` stands where the backend was asked as an object, which has no name to load it by."""
    words = ["peerspec", "check", report.address or "BACKEND", "--only", finding.check]
    if finding.precision:
        words += ["--profile", finding.precision]
    return shlex.join([*words, "--size", report.size, "--seed", str(report.seed)])
