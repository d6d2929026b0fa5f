"""``peerspec check``: judge backends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peerspec.cli.options import BACKEND_HELP, Overwrite, Seed, Timeout
from peerspec.cli.threads import load_numpy_with_one
from peerspec.files.shown import shown

if TYPE_CHECKING:
    from peerspec.cli.files import OutputFile
    from peerspec.cli.judging import Judging, Target
    from peerspec.conformance.report import Report

__all__ = ["check"]


FAILURES = Path("failures")
"""Where the size deep writes repros unless a folder is named."""


class Size(StrEnum):
    """How many cases."""

    MINIMAL = "minimal"
    DEFAULT = "default"
    FULL = "full"
    DEEP = "deep"


def check(
    backends: Annotated[
        list[str] | None, typer.Argument(metavar="BACKEND", help=BACKEND_HELP, show_default=False)
    ] = None,
    command: Annotated[
        list[str] | None,
        typer.Option(help="Judge this program, in any language (docs/any-language.md). Repeatable.", metavar="COMMAND"),
    ] = None,
    size: Annotated[Size, typer.Option(help="Number of cases; deep: explore only, for --minutes.")] = Size.DEFAULT,
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
        typer.Option(
            help="Shrink the first failure and write it here, for `repro`; deep writes one of each kind, to `failures` "
            "unless given.",
            metavar="DIR",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write the reports here; - is standard output.", metavar="FILE")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write them as a web page here; - is standard output.", metavar="FILE")
    ] = None,
    overwrite: Overwrite = False,
    stop_early: Annotated[
        bool, typer.Option("--stop-early", help="After a failure, look only for a cause nearer to the start.")
    ] = False,
    minutes: Annotated[float, typer.Option(help="How long the size deep explores.", min=0.001)] = 60.0,
    resume: Annotated[
        Path | None,
        typer.Option(
            help="Keep the state of the run here; if the file exists, go on where the run ended.", metavar="FILE"
        ),
    ] = None,
    jobs: Annotated[
        str,
        typer.Option(
            "--jobs", "-n", help="Processes that share the cases of one backend: a number, or auto.", metavar="NUMBER"
        ),
    ] = "1",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print verdicts only.")] = False,
) -> int:
    """Judge backends. Exit status: 0 all claims hold, 1 a clause fails, 2 no verdict.

    The size deep draws layers, gradients and half scores in every precision until its time is over, and files one
    failure of each kind; it gives no verdict. After an interruption, --resume goes on with a run of any size.
    """
    from contextlib import ExitStack

    load_numpy_with_one()
    from peerspec.cli.console import SafeConsole
    from peerspec.cli.deep import explore
    from peerspec.cli.files import STANDARD_OUTPUT, make_folder, output_file, refuse_same_files
    from peerspec.cli.judging import Judging
    from peerspec.cli.waivers import read_waivers
    from peerspec.conformance.render.json import dumps
    from peerspec.reference import PeerError

    options: dict[str, Any] = {
        "size": size.value,
        "seed": seed,
        "profiles": profile,
        "only": only,
        "timeout": timeout,
        "stop_early": stop_early,
        "jobs": _jobs(jobs),
        "resume": resume,
        "waivers": read_waivers(waivers) if waivers else None,
    }
    console = SafeConsole(stderr=STANDARD_OUTPUT in (json, html))
    targets, judging = _targets(backends or (), command or ()), Judging(options, repro, quiet=quiet, console=console)
    refuse_same_files(
        {"--json": json, "--html": html, "--resume": resume, "--repro": repro},
        [*([waivers] if waivers else []), *(file for target in targets for file in target.files)],
    )
    if len(targets) > 1 and (resume or size is Size.DEEP):
        what = "--resume keeps the state of one run" if resume else "the size deep explores one backend"
        raise PeerError(f"{what}; name one backend")
    if size is Size.DEEP:
        _refuse_with_deep(
            {"--only": only, "--waivers": waivers, "--json": json, "--html": html, "--stop-early": stop_early}
        )
        return explore(
            targets[0],
            quiet=quiet,
            seconds=60 * minutes,
            directory=repro or FAILURES,
            **{name: options[name] for name in ("profiles", "seed", "timeout", "resume")},
        )
    if repro:
        make_folder(repro)  # before the run, which may take minutes
    wanted = {form: path for form, path in {"json": json, "html": html}.items() if path}
    with ExitStack() as stack:
        files = {form: stack.enter_context(output_file(path, overwrite=overwrite)) for form, path in wanted.items()}
        reports, error = _judge(judging, targets)
        judged = [report for report in reports if report]
        unwritten = _publish(files, judged, dumps(judged))
    if failed := error or next(iter(unwritten), None):
        raise failed
    return max(2 if report is None else report.exit_status for report in reports)


def _judge(judging: Judging, targets: Sequence[Target]) -> tuple[list[Report | None], Exception | None]:
    """Judge all targets and show each report, and the first error of what follows, which must not lose the reports."""
    reports: list[Report | None] = []
    errors: list[Exception] = []
    for target in targets:
        report = judging.judge(target)
        if report:
            with _keeping(errors):
                report = judging.with_repro(target, report)
            with _keeping(errors):
                judging.show(target, report)
        reports.append(report)
    if not errors:
        judging.summarise([report for report in reports if report])
    return reports, next(iter(errors), None)


@contextmanager
def _keeping(errors: list[Exception]) -> Iterator[None]:
    """Keep an error for later."""
    try:
        yield
    except Exception as error:
        errors.append(error)


def _publish(files: Mapping[str, OutputFile], reports: Sequence[Report], text: str) -> list[Exception]:
    """Write every file that can be written; ``text`` is the JSON of the reports. Returns the errors of the others."""
    from peerspec.cli.forms import in_form

    errors: list[Exception] = []
    for form, file in files.items():
        with _keeping(errors):
            file.publish(in_form(form, reports, text))
    return errors


def _targets(backends: Sequence[str], commands: Sequence[str]) -> list[Target]:
    from peerspec.cli.judging import Target
    from peerspec.reference import PeerError

    targets = [Target(name) for name in backends] + [Target(words, is_command=True) for words in commands]
    if not targets:
        raise PeerError("no backend is given; name a backend, or pass a program with --command")
    return targets


def _refuse_with_deep(options: dict[str, object]) -> None:
    from peerspec.reference import PeerError

    for name in (name for name, value in options.items() if value):
        raise PeerError(f"{name} is of no use with the size deep, which writes no report; leave it out")


def _jobs(text: str) -> int:
    if text == "auto":
        return os.cpu_count() or 1
    if not re.fullmatch("0*[1-9][0-9]{0,3}", text):
        raise typer.BadParameter(f"--jobs must be a number from 1 to 9999, or auto, got {shown(text)}")
    return int(text)
