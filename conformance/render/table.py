"""Several reports side by side: a column for each backend, a row for each profile."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from peerspec.conformance.plan import PRECISIONS, PROFILES
from peerspec.conformance.render.marks import mark, profile_status
from peerspec.conformance.render.terminal import worst_share
from peerspec.conformance.report import Report
from peerspec.files.shown import printable

__all__ = ["show_table"]

_LABEL, _WIDTH = 17, 15  # columns of the first column, and the least of each other


def show_table(reports: Sequence[Report], console: Console) -> None:
    """Print the table, in parts if the terminal is narrow."""
    at_once = max(1, (console.width - _LABEL) // _WIDTH)
    for start in range(0, len(reports), at_once):
        console.print(_table(reports[start : start + at_once], console))


def _table(reports: Sequence[Report], console: Console) -> Table:
    table = Table(box=box.SIMPLE_HEAD if console.encoding.lower().startswith("utf") else box.ASCII2, pad_edge=False)
    table.add_column("", no_wrap=True)
    for report in reports:
        table.add_column(Text(printable(report.backend)), justify="center", overflow="fold", max_width=26)
    table.add_row("verdict", *(_verdict(report) for report in reports))
    table.add_section()
    for group in (PRECISIONS, ("core", *PROFILES)):
        for profile in group:
            table.add_row(profile, *(mark(profile_status(report, profile), console) for report in reports))
        table.add_section()
    table.add_row("worst error/bound", *(f"{worst_share(report):.2g}" for report in reports))
    table.add_row("seconds", *(f"{report.seconds:.1f}" for report in reports))
    return table


def _verdict(report: Report) -> Text:
    colour = ("green", "bold red", "bold yellow")[report.exit_status]
    return Text(report.verdict.head, colour)
