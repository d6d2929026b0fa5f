"""``peerspec repro``: put the question of a failure again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from peerspec.conformance.report import Report

__all__ = ["repro", "with_repro"]


def repro(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .py or .safetensors of a repro; it is only read.")],
    backend: Annotated[
        str | None, typer.Option(help="Ask this one: a name, module:attribute or file.py:attribute.", metavar="BACKEND")
    ] = None,
    command: Annotated[str | None, typer.Option(help="Ask this program instead.", metavar="WORDS")] = None,
    timeout: Annotated[float, typer.Option(help="How long one call may take.", min=0.001, metavar="SECONDS")] = 60.0,
) -> int:
    """Replay a failure written by `check --repro`: 1 it still fails, 0 it holds, 2 it cannot be put."""
    from peerspec.backends.process import Command
    from peerspec.conformance.repro import replay

    asked: Any = Command(command) if command else backend or _named_in(file)
    found = replay(file, asked, timeout=timeout)
    if found.status == 2:
        print("peerspec:", " ".join(found.text.split()), file=sys.stderr)
    else:
        print(found.text)
    return found.status


def _named_in(file: Path) -> str:
    """The backend that the file names, if it is installed: a file from elsewhere must not choose code to run."""
    from peerspec.backends import names
    from peerspec.conformance.repro import ReproError
    from peerspec.conformance.repro.file import read

    found = read(file)
    if found.kind == "name" and found.backend in names():
        return found.backend
    option = {"name": f"--backend {found.backend}", "command": f"--command {found.backend!r}"}
    raise ReproError(
        f"the repro was found with {found.backend!r}, which is no installed backend, and files choose no other code "
        f"to run; pass {option.get(found.kind, '--backend BACKEND')}"
    )


def with_repro(backend: Any, report: Report, directory: Path, *, timeout: float) -> Report:
    """Write a repro of the failure nearest to the cause, and its path into the report.

    The report is left as it is where nothing failed, and where no repro can be made, which is said on standard error.
    """
    from peerspec.conformance.repro import ReproError, write_repro

    first = report.first or next((error for error in report.of("error") if error.case), None)
    if first is None:
        return report
    try:
        path = write_repro(backend, first, directory, report.seed, timeout=timeout)
    except ReproError as error:
        print("peerspec: no repro:", " ".join(str(error).split()), file=sys.stderr)
        return report
    written = replace(first, repro=str(path))
    return replace(report, findings=tuple(written if finding is first else finding for finding in report.findings))
