"""The command that repeats one check alone, or the whole run if the check alone would not fail again."""

from __future__ import annotations

from collections.abc import Sequence

from peerspec.conformance.finding import Finding
from peerspec.conformance.findings import CLAIMS
from peerspec.conformance.report import Report
from peerspec.files.shell import command_line

__all__ = ["repeat_command"]


def repeat_command(report: Report, finding: Finding, target: Sequence[str] = ()) -> str:
    """The command for a shell.

    Without ``target``, the arguments that name the backend, it is the address in the report; ``BACKEND`` stands for an
    object, which has none.
    """
    words = ["peerspec", "check", *(target or [report.address or "BACKEND"])]
    if finding.check != CLAIMS and not _needs_steps(finding):
        words += ["--only", finding.check]
    if finding.precision:
        words += ["--profile", finding.precision]
    return command_line(*words, "--size", report.size, "--seed", report.seed)


def _needs_steps(finding: Finding) -> bool:
    """Whether the backend declined a configuration for which a step of another check asked."""
    return finding.problem is not None and finding.problem.values.get("planned") is False
