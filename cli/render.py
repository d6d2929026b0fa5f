"""``peerspec render``: show a report in JSON, or write it in another form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from peerspec.cli.options import Overwrite
from peerspec.files.limited import read_limited
from peerspec.files.shown import printable

if TYPE_CHECKING:
    from peerspec.conformance.report import Report

__all__ = ["render"]

_LIMIT = 1 << 26
"""The largest report that is read, in bytes: the reports of dozens of backends."""


def render(
    report: Annotated[Path, typer.Argument(metavar="FILE", help="A report of `peerspec check --json`.")],
    html: Annotated[Path | None, typer.Option(help="Write a self-contained web page.", metavar="FILE")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.", metavar="FILE")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a Markdown summary.", metavar="FILE")] = None,
    badge: Annotated[Path | None, typer.Option(help="Write JSON for a shields.io endpoint.", metavar="FILE")] = None,
    overwrite: Overwrite = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Only check the file. Exit status: 0 unchanged, 1 of another spec or suite, 2 changed."
        ),
    ] = False,
) -> int:
    """Show reports, or write them in other forms, to a file or to standard output (-).

    Exit status: that of `peerspec check`.
    """
    from peerspec.reference import PeerError

    targets = {"html": html, "junit": junit, "markdown": markdown, "badge": badge}
    wanted = {form: path for form, path in targets.items() if path}
    text = _read(report)
    if check and wanted:
        raise PeerError("--check writes no file; pass it without --html, --junit, --markdown and --badge")
    if check:
        return _check(report, text)
    reports = _parse(report, text)
    if wanted:
        _write(report, wanted, reports, text, overwrite=overwrite)
    else:
        _show(reports)
    return max(one.exit_status for one in reports)


def _read(path: Path) -> str:
    from peerspec.conformance.render.json import ReportError

    try:
        return read_limited(path, _LIMIT).decode()
    except ValueError as error:
        raise ReportError(f"{path} is not JSON that can be read: {error}") from None


def _parse(path: Path, text: str) -> Sequence[Report]:
    from peerspec.conformance.render.json import ReportError, loads

    try:
        reports = loads(text)
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from None
    if not reports:
        raise ReportError(f"{path} holds no report, because no backend could be loaded")
    return reports


def _show(reports: Sequence[Report]) -> None:
    from peerspec.cli.console import SafeConsole
    from peerspec.conformance.render.table import show_table
    from peerspec.conformance.render.terminal import CAVEAT, show

    console = SafeConsole()
    for one in reports:
        show(one, console)
        console.print()
    if len(reports) > 1:
        show_table(reports, console)
    if any(one.conformant for one in reports):
        console.print(CAVEAT, style="dim")


def _write(source: Path, wanted: Mapping[str, Path], reports: Sequence[Report], text: str, *, overwrite: bool) -> None:
    """Write every file, or none if one cannot be written."""
    from contextlib import ExitStack

    from peerspec.cli.files import STANDARD_OUTPUT, output_file, refuse_same_files
    from peerspec.cli.forms import in_form

    refuse_same_files({f"--{form}": path for form, path in wanted.items()}, [source])
    with ExitStack() as stack:
        files = {form: stack.enter_context(output_file(path, overwrite=overwrite)) for form, path in wanted.items()}
        texts = {form: in_form(form, reports, text) for form in files}
        for form, file in files.items():
            file.publish(texts[form])
            if STANDARD_OUTPUT not in wanted.values():
                print(f"wrote {printable(str(file.path))}")


def _check(path: Path, text: str) -> int:
    from peerspec.conformance.render.integrity import check_integrity
    from peerspec.conformance.render.json import ReportError

    try:
        found = check_integrity(text)
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from None
    print(f"{printable(str(path))} is whole: form, hash and verdicts agree")
    for what, same in (("specification", found.same_spec), ("suite", found.same_suite)):
        print(f"  {what}: {'the installed one' if same else 'another than the installed one'}")
    return found.exit_status
