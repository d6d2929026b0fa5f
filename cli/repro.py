"""``peerspec repro``: replay a failure that was written to a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peerspec.cli.options import BACKEND_HELP, Timeout
from peerspec.cli.say import say
from peerspec.files.shell import command_line
from peerspec.files.shown import printable
from peerspec.files.strict_json import is_unicode

if TYPE_CHECKING:
    from peerspec.conformance.report import Report

__all__ = ["repro", "with_repro"]


def repro(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The .py or .safetensors file of a failure.")],
    backend: Annotated[str | None, typer.Argument(metavar="BACKEND", help=BACKEND_HELP)] = None,
    command: Annotated[
        str | None, typer.Option(help="Call this program instead of a backend.", metavar="COMMAND")
    ] = None,
    timeout: Timeout = 60.0,
) -> int:
    """Replay a failure written by `check --repro`. Exit status: 0 the check holds, 1 it fails, 2 no verdict.

    The file is only read, never executed. Without BACKEND, the installed backend that the file names is called.
    """
    from peerspec.backends.process import Command
    from peerspec.conformance.repro import replay
    from peerspec.reference import PeerError

    if backend and command:
        raise PeerError("BACKEND and --command exclude each other; pass one of them")
    target: Any = Command(command) if command else backend or _backend_in(file)
    found = replay(file, target, timeout=timeout)
    if found.status == 2:
        say(found.text)
    else:
        print("\n".join(map(printable, found.text.splitlines())))
    return found.status


def _backend_in(file: Path) -> str:
    """The backend that the file names, if it is installed: a file must not choose other code to run."""
    from peerspec.backends import names
    from peerspec.conformance.repro import ReproError
    from peerspec.conformance.repro.file import read

    found = read(file)
    if found.kind == "name" and found.backend in names():
        return found.backend
    words = {"name": [found.backend], "command": ["--command", found.backend]}.get(found.kind)
    argument = command_line(*words) if words else "a BACKEND"
    raise ReproError(
        f"the failure was found with {found.backend!r}, which is not an installed backend, and a file must not choose "
        f"other code to run; pass {argument}"
    )


def with_repro(backend: Any, report: Report, directory: Path, *, timeout: float) -> Report:
    """Write a repro of the first failure, and its path into the report.

    The report stays as it is if nothing failed, or if no repro can be made; standard error then has the reason. An
    interrupt ends only this step: it must not lose a report that took minutes.
    """
    from peerspec.conformance.repro import write_repro
    from peerspec.reference import PeerError

    first = report.first or next((error for error in report.of("error") if error.case), None)
    if first is None:
        return report
    try:
        path = write_repro(backend, first, directory, report.seed, timeout=timeout)
    except (PeerError, OSError) as error:  # the backend may also refuse to be opened again
        say(f"no repro: {error}")
        return report
    except KeyboardInterrupt:
        say("no repro: stopped by the user; the report is complete without it")
        return report
    if not is_unicode(str(path)):
        say(f"reports cannot name this path, which is no Unicode text: {command_line(path)}; name another folder")
    written = replace(first, repro=str(path))
    return replace(report, findings=tuple(written if finding is first else finding for finding in report.findings))
