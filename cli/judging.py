"""Judge one backend after another and show each report."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from peerspec import conformance
from peerspec.backends import BackendError
from peerspec.backends.process import Command
from peerspec.backends.registry import source_file
from peerspec.cli.console import SafeConsole
from peerspec.cli.progress import show_progress
from peerspec.cli.repro import with_repro
from peerspec.cli.say import say
from peerspec.conformance.render.repeat import repeat_command
from peerspec.conformance.render.table import show_table
from peerspec.conformance.render.terminal import CAVEAT, show, show_verdict
from peerspec.files.shell import command_line

if TYPE_CHECKING:
    from peerspec.conformance.report import Report

__all__ = ["Judging", "Target"]


@dataclass(frozen=True)
class Target:
    """A backend to judge: the name of one, or the command line of a program."""

    name: str
    is_command: bool = False

    @property
    def backend(self) -> str | Command:
        """The argument of ``check_backend``."""
        return Command(self.name) if self.is_command else self.name

    @property
    def files(self) -> list[Path]:
        """The files of the backend that are known: its Python file, or those that the command line names."""
        if self.is_command:
            return [Path(word) for word in _words(self.name) if os.path.isfile(word)]
        found = source_file(self.name)
        return [found] if found else []

    @property
    def arguments(self) -> list[str]:
        """The arguments that name this target on the command line."""
        return ["--command", self.name] if self.is_command else [self.name]


def _words(command: str) -> list[str]:
    """The words of a command line, with the values of its options; none if it is no command line."""
    try:
        words = shlex.split(command)
    except ValueError:  # whoever starts the program says why
        return []
    return [*words, *(word.partition("=")[2] for word in words)]


@dataclass(frozen=True)
class Judging:
    """How to judge each target: options of ``check_backend``, and the folder for repros."""

    options: dict[str, Any]
    repro: Path | None = None
    quiet: bool = False
    console: Console = field(default_factory=SafeConsole)

    def judge(self, target: Target) -> Report | None:
        """Judge ``target``; None if it cannot be loaded, with the reason on standard error."""
        try:
            with show_progress(target.name, quiet=self.quiet) as progress:
                report = conformance.check_backend(target.backend, progress=progress, warn=say, **self.options)
        except BackendError as error:
            say(str(error))
            return None
        return report

    def with_repro(self, target: Target, report: Report) -> Report:
        """The report with the path of a repro, if one is wanted and can be made."""
        if self.repro is None:
            return report
        return with_repro(target.backend, report, self.repro, timeout=self.options["timeout"])

    def show(self, target: Target, report: Report) -> None:
        """Show the report of a target."""
        if self.quiet:
            show_verdict(report, self.console)
        else:
            self._show(target, report)

    def summarise(self, reports: Sequence[Report]) -> None:
        """Compare several reports in a table, and say what a conformant one means."""
        if self.quiet:
            return
        if len(reports) > 1:
            show_table(reports, self.console)
        if any(report.conformant for report in reports):
            self.console.print(CAVEAT, style="dim")

    def _show(self, target: Target, report: Report) -> None:
        show(report, self.console)
        for path in (finding.repro for finding in report.findings if finding.repro):
            command = command_line("peerspec", "repro", path, *target.arguments)
            self.console.print(f"  repro: {command}", soft_wrap=True)
        if first := report.first:
            command = repeat_command(report, first, target.arguments)
            self.console.print(f"  again, alone: {command}", soft_wrap=True)
        self.console.print()
