"""Progress on standard error: a bar on a terminal, a line from time to time elsewhere, nothing with ``--quiet``.

The first failure is shown as soon as it is found. The report comes at the end, and may name a nearer cause.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console

from peerspec.cli.console import SafeConsole
from peerspec.files.shown import printable

if TYPE_CHECKING:
    from peerspec.conformance.finding import Finding
    from peerspec.conformance.meter import Progress, Standing

__all__ = ["heartbeat", "rough", "show_progress", "waiting"]

HEARTBEAT = 30.0
"""Seconds between two lines where there is no terminal."""


@contextmanager
def show_progress(name: str, *, quiet: bool) -> Iterator[Progress | None]:
    """The callback to which ``check_backend`` tells how far it is."""
    console = SafeConsole(stderr=True)
    if quiet:
        yield None
    elif not console.is_terminal:
        console.print(f"judging {printable(name)} ...")
        yield from _lines(printable(name), console)
    else:
        yield from _bar(printable(name), console)


@contextmanager
def heartbeat(beat: Callable[[], None]) -> Iterator[None]:
    """Call ``beat`` every ``HEARTBEAT`` seconds, in a thread, so that a case that takes long shows life too.

    Where the system starts no more threads, nothing is called.
    """
    ended = threading.Event()

    def beats() -> None:
        while not ended.wait(HEARTBEAT):
            beat()

    thread = threading.Thread(target=beats, daemon=True)
    with suppress(RuntimeError):
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if thread.ident is not None:
            thread.join()


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Say every ``HEARTBEAT`` seconds that a command without steps still works."""
    console, begun = SafeConsole(stderr=True), time.monotonic()
    with heartbeat(lambda: console.print(f"{what}, for {rough(time.monotonic() - begun)} ...", soft_wrap=True)):
        yield


def rough(seconds: float) -> str:
    """A time in words that promise no more than an estimate holds.

    Example:
        >>> rough(4), rough(48), rough(170), rough(8000)
        ('a few seconds', '50 s', '3 min', '2.2 h')
    """
    if seconds < 10:
        return "a few seconds"
    if seconds < 60:
        return f"{10 * round(seconds / 10)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _lines(name: str, console: Console) -> Iterator[Progress]:
    """A line every ``HEARTBEAT`` seconds, also while one case takes long, and one at the first failure."""
    latest = _Latest()

    def say(text: str) -> None:
        console.print(f"judging {name}: {text}", soft_wrap=True)

    def progress(standing: Standing) -> None:
        if standing.failed and not latest.failed:
            say(_failure(standing.failed[0]))
        latest.take(standing)

    with heartbeat(lambda: say(latest.words)):
        yield progress


def _bar(name: str, console: Console) -> Iterator[Progress]:
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, TextColumn("{task.fields[more]}"), console=console, transient=True) as bar:
        task, latest = bar.add_task(escape(name), total=None, more="starting"), _Latest()

        def progress(standing: Standing) -> None:
            if standing.failed and not latest.failed:
                bar.console.print(f"{name}: {_failure(standing.failed[0])}", soft_wrap=True)
            latest.take(standing)
            bar.update(task, completed=standing.done, total=standing.total, more=escape(latest.more))

        yield progress


class _Latest:
    """What was told last, and how long ago."""

    def __init__(self) -> None:
        self._standing: Standing | None = None
        self._at = time.monotonic()

    def take(self, standing: Standing) -> None:
        self._standing, self._at = standing, time.monotonic()

    @property
    def failed(self) -> bool:
        return self._standing is not None and bool(self._standing.failed)

    @property
    def words(self) -> str:
        """Where the run is, with the time since it began."""
        since = time.monotonic() - self._at
        if self._standing is None:
            return f"starting, for {rough(since)}"
        seconds = rough(self._standing.seconds + since)
        return f"{self._standing.done} of {self._standing.total} cases in {seconds}, {self.more}"

    @property
    def more(self) -> str:
        """The time that is left, the failures and the case that runs."""
        standing = self._standing
        assert standing is not None
        since = time.monotonic() - self._at
        words = [_left(standing.left - since)] if standing.case and standing.left is not None else []
        if count := len(standing.failed):
            words.append(f"{count} check{'s' if count > 1 else ''} failed")
        return ", ".join([*words, *([standing.case] if standing.case else [])])


def _left(seconds: float) -> str:
    """The time that is left in words; below 0 where the case that runs takes longer than all that was expected."""
    if seconds < 0:
        return "later than expected"
    return f"about {rough(seconds)} left" if seconds >= 10 else f"{rough(seconds)} left"


def _failure(finding: Finding) -> str:
    if finding.status != "fail":
        return f"no answer in {finding.name}, case {finding.case}"
    return f"{finding.clauses[0]} fails in {finding.name}, case {finding.case}; the run goes on to the nearest cause"
