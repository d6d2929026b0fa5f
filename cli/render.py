"""``peerspec render``: show a report that was written as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["render"]


def render(
    report: Annotated[Path, typer.Argument(metavar="REPORT.json", help="Written by `peerspec check --json`.")],
) -> int:
    """Show reports again; the exit status is theirs."""
    from rich.console import Console

    from peerspec.conformance.render.json import ReportError, loads
    from peerspec.conformance.render.table import show_table
    from peerspec.conformance.render.terminal import CAVEAT, show

    console = Console(highlight=False)
    try:
        reports = loads(report.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise ReportError(f"{report} is not JSON: {error}") from None
    for one in reports:
        show(one, console)
        console.print()
    if len(reports) > 1:
        show_table(reports, console)
    if any(one.conformant for one in reports):
        console.print(CAVEAT, style="dim")
    return max((one.exit_status for one in reports), default=2)
