"""``peerspec check``: judge backends."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peerspec.cli.options import BACKEND_HELP, Overwrite, Seed, Timeout

if TYPE_CHECKING:
    from rich.console import Console

    from peerspec.conformance.report import Report

__all__ = ["check"]


class Size(StrEnum):
    """How many cases."""

    MINIMAL = "minimal"
    DEFAULT = "default"
    FULL = "full"


def check(
    backends: Annotated[
        list[str] | None, typer.Argument(metavar="BACKEND", help=BACKEND_HELP, show_default=False)
    ] = None,
    command: Annotated[
        list[str] | None,
        typer.Option(help="Judge this program, in any language (docs/any-language.md). Repeatable.", metavar="COMMAND"),
    ] = None,
    size: Annotated[Size, typer.Option(help="Number of cases.")] = Size.DEFAULT,
    seed: Seed = 0,
    profile: Annotated[
        list[str] | None, typer.Option(help="Judge only this profile or precision. Repeatable.", metavar="NAME")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Run only checks whose name starts with this. Repeatable.", metavar="NAME")
    ] = None,
    timeout: Timeout = 60.0,
    waivers: Annotated[
        Path | None,
        typer.Option(help="Accept the failures in this TOML file: [[waiver]] check, reason, url.", metavar="FILE"),
    ] = None,
    repro: Annotated[
        Path | None,
        typer.Option(help="Write the smallest case found of the first failure here, for `repro`.", metavar="DIR"),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the reports here.", metavar="FILE")] = None,
    overwrite: Overwrite = False,
    stop_early: Annotated[bool, typer.Option("--stop-early", help="Stop each backend at its first failure.")] = False,
    jobs: Annotated[
        str,
        typer.Option(
            "--jobs", "-n", help="Processes for the precisions of one backend: a number, or auto.", metavar="NUMBER"
        ),
    ] = "1",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print verdicts only.")] = False,
) -> int:
    """Judge backends. Exit status: 0 all claims hold, 1 a clause fails, 2 no verdict."""
    from contextlib import nullcontext

    from rich.console import Console

    from peerspec.cli.files import OutputFile, make_folder
    from peerspec.cli.waivers import read_waivers
    from peerspec.conformance.render.json import dumps
    from peerspec.reference import PeerError

    named = [(name, "") for name in backends or ()] + [(words, "--command") for words in command or ()]
    if not named:
        raise PeerError("no backend is given; name a backend, or pass a program with --command")
    options: dict[str, Any] = {
        "size": size.value,
        "seed": seed,
        "profiles": profile,
        "only": only,
        "timeout": timeout,
        "stop_early": stop_early,
        "jobs": _jobs(jobs),
        "waivers": read_waivers(waivers) if waivers else None,
    }
    console = Console(highlight=False)
    if repro:
        make_folder(repro)  # before the run, which may take minutes
    with OutputFile(json, overwrite=overwrite) if json else nullcontext() as file:
        reports = [_judge(name, option, options, console, repro, quiet=quiet) for name, option in named]
        found = [report for report in reports if report is not None]
        _finish(found, console, quiet=quiet)
        if file:
            file.publish(dumps(found))
    return max(2 if report is None else report.exit_status for report in reports)


def _jobs(text: str) -> int:
    if text == "auto":
        return os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise typer.BadParameter(f"--jobs must be a number of at least 1, or auto, got {text!r}")
    return int(text)


def _judge(
    name: str, option: str, options: dict[str, Any], console: Console, repro: Path | None, *, quiet: bool
) -> Report | None:
    """Judge one backend and show its report; None if it cannot be loaded, with the reason on standard error."""
    import shlex

    from peerspec.backends import BackendError
    from peerspec.backends.process import Command
    from peerspec.cli.progress import show_progress
    from peerspec.cli.repro import with_repro
    from peerspec.conformance import check_backend
    from peerspec.conformance.render.terminal import show, show_verdict

    backend = Command(name) if option else name
    try:
        with show_progress(name, quiet=quiet) as progress:
            report = check_backend(backend, progress=progress, **options)
    except BackendError as error:
        print("peerspec:", " ".join(str(error).split()), file=sys.stderr)
        return None
    if repro:
        report = with_repro(backend, report, repro, timeout=options["timeout"])
    if quiet:
        show_verdict(report, console)
        return report
    show(report, console)
    which = f"{option} {shlex.quote(name)}" if option else shlex.quote(name)
    for written in (finding.repro for finding in report.findings if finding.repro):
        console.print(f"  repro: peerspec repro {shlex.quote(written)} {which}", soft_wrap=True, markup=False)
    if first := report.first:
        command = f"peerspec check {which} --only {first.check} --profile {first.precision}"
        console.print(f"  again, alone: {command} --size {report.size} --seed {report.seed}", soft_wrap=True)
    console.print()
    return report


def _finish(reports: list[Report], console: Console, *, quiet: bool) -> None:
    if quiet:
        return
    from peerspec.conformance.render.table import show_table
    from peerspec.conformance.render.terminal import CAVEAT

    if len(reports) > 1:
        show_table(reports, console)
    if any(report.conformant for report in reports):
        console.print(CAVEAT, style="dim")
