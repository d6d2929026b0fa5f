"""Progress on standard error: a bar on a terminal, one line elsewhere, nothing with ``--quiet``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from peerspec.conformance.run import Progress

__all__ = ["show_progress"]


@contextmanager
def show_progress(name: str, *, quiet: bool) -> Iterator[Progress | None]:
    """The callback to which ``check_backend`` reports each step."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield None
    elif not console.is_terminal:
        console.print(f"judging {name} ...", markup=False)
        yield None
    else:
        yield from _bar(name, console)


def _bar(name: str, console: Console) -> Iterator[Progress]:
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, TextColumn("{task.fields[step]}"), console=console, transient=True) as bar:
        task = bar.add_task(escape(name), total=None, step="starting")

        def progress(number: int, total: int, step: str) -> None:
            bar.update(task, completed=number, total=total, step=escape(step))

        yield progress
