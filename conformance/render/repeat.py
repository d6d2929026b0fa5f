"""The command that repeats one check alone, or the whole run if no precision is claimed."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from peerspec.conformance.finding import Finding
from peerspec.conformance.findings import CLAIMS
from peerspec.conformance.report import Report

__all__ = ["repeat_command"]


def repeat_command(report: Report, finding: Finding, target: Sequence[str] = ()) -> str:
    """The command for a shell.

    Without ``target``, the arguments that name the backend, it is the address in the report; ``BACKEND`` stands for an
    object, which has none.
    """
    words = ["peerspec", "check", *(target or [report.address or "BACKEND"])]
    if finding.check != CLAIMS:
        words += ["--only", finding.check]
    if finding.problem and finding.problem.values.get("drawn"):
        words += ["--only", "explore."]  # which draws the declined configuration again
    if finding.precision:
        words += ["--profile", finding.precision]
    return shlex.join([*words, "--size", report.size, "--seed", str(report.seed)])
