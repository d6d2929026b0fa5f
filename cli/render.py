"""``peerspec render``: show a report that was written as JSON, or write it in another form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from peerspec.conformance.report import Report

__all__ = ["render"]


def render(
    report: Annotated[Path, typer.Argument(metavar="REPORT.json", help="Written by `peerspec check --json`.")],
    html: Annotated[Path | None, typer.Option(help="Write one self-contained page.", metavar="FILE")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.", metavar="FILE")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a summary in Markdown.", metavar="FILE")] = None,
    badge: Annotated[Path | None, typer.Option(help="Write JSON for a shields.io endpoint.", metavar="FILE")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check the report: 0 whole, 1 of another spec or suite, 2 changed.")
    ] = False,
) -> int:
    """Show reports again, or write them in other forms; the exit status is theirs."""
    from peerspec.conformance.render.json import ReportError, loads
    from peerspec.reference import PeerError

    targets = {"html": html, "junit": junit, "markdown": markdown, "badge": badge}
    wanted = {form: path for form, path in targets.items() if path}
    try:
        text = report.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise ReportError(f"{report} is not JSON: {error}") from None
    if verify and wanted:
        raise PeerError("--verify writes nothing; run it without --html, --junit, --markdown and --badge")
    if verify:
        return _verify(report, text)
    try:
        reports = loads(text)
    except ReportError as error:
        raise ReportError(f"{report}: {error}") from None
    if not reports:
        raise ReportError(f"{report} holds no report: no backend could be asked")
    if wanted:
        _write(report, wanted, reports, text, overwrite=overwrite)
    else:
        _show(reports)
    return max(one.exit_status for one in reports)


def _show(reports: Sequence[Report]) -> None:
    from rich.console import Console

    from peerspec.conformance.render.table import show_table
    from peerspec.conformance.render.terminal import CAVEAT, show

    console = Console(highlight=False)
    for one in reports:
        show(one, console)
        console.print()
    if len(reports) > 1:
        show_table(reports, console)
    if any(one.conformant for one in reports):
        console.print(CAVEAT, style="dim")


def _write(source: Path, wanted: Mapping[str, Path], reports: Sequence[Report], text: str, *, overwrite: bool) -> None:
    """Every file or, where one cannot be written, none."""
    from contextlib import ExitStack

    from peerspec.cli.files import OutputFile
    from peerspec.reference import PeerError

    paths = [path.resolve() for path in (source, *wanted.values())]
    if len(set(paths)) < len(paths):
        raise PeerError("two of the files are the same; give each form a file of its own")
    with ExitStack() as stack:
        files = {form: stack.enter_context(OutputFile(path, overwrite=overwrite)) for form, path in wanted.items()}
        texts = {form: _form(form)(reports, text) for form in files}
        for form, file in files.items():
            file.publish(texts[form])
            print(f"wrote {file.path}")


def _form(name: str) -> Callable[[Sequence[Report], str], str]:
    """The function that writes a form, imported when it is wanted."""
    if name == "html":
        from peerspec.conformance.render.html import page
        from peerspec.conformance.render.integrity import recorded_hashes

        return lambda reports, text: page(reports, recorded_hashes(text))
    from peerspec.conformance.render.badge import badge
    from peerspec.conformance.render.junit import junit
    from peerspec.conformance.render.markdown import markdown

    form = {"junit": junit, "markdown": markdown, "badge": badge}[name]
    return lambda reports, text: form(reports)


def _verify(path: Path, text: str) -> int:
    from peerspec.conformance.render.integrity import check_integrity
    from peerspec.conformance.render.json import ReportError

    try:
        found = check_integrity(text)
    except ReportError as error:
        raise ReportError(f"{path}: {error}") from None
    print(f"{path} is whole: form, hash and verdicts agree")
    for what, same in (("specification", found.same_spec), ("suite", found.same_suite)):
        print(f"  {what}: {'the installed one' if same else 'another than the installed one'}")
    return found.exit_status
