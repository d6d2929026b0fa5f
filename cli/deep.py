"""``peerspec check --size deep``: explore until the time is over, and show what was found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from peerspec.cli.console import SafeConsole
from peerspec.cli.progress import heartbeat, rough
from peerspec.cli.say import say
from peerspec.files.shell import command_line
from peerspec.files.shown import printable

if TYPE_CHECKING:
    from peerspec.cli.judging import Target
    from peerspec.conformance.deep import Explored
    from peerspec.conformance.finding import Finding

__all__ = ["explore"]

WORDS = {"explore.select": "pairs of half scores", "explore.layer": "layers", "explore.gradients": "layers' gradients"}


def explore(target: Target, *, quiet: bool, **options: Any) -> int:
    """Explore a backend, print each failure as soon as it is filed, then what was examined; return the exit status."""
    from peerspec.backends import BackendError
    from peerspec.conformance.deep import explore_deeply

    console, watch = SafeConsole(), _Watch(target)
    try:
        with nullcontext() if quiet else watch.beating():
            found = explore_deeply(target.backend, progress=watch.take, warn=say, **options)
    except BackendError as error:
        say(str(error))
        return 2
    for words, count, precisions in [] if quiet else _examined(found):
        console.print(f"  examined {count} {words} in {precisions}", soft_wrap=True)
    _verdict(found, console)
    return found.exit_status


class _Watch:
    """Shows new failures at once, and from time to time how far the exploration is."""

    def __init__(self, target: Target) -> None:
        self._target, self._console, self._errors = target, SafeConsole(), SafeConsole(stderr=True)
        self._shown, self._words = 0, "starting"

    @contextmanager
    def beating(self) -> Iterator[None]:
        self._say(f"judging {self._target.name} ...")
        with heartbeat(lambda: self._say(f"judging {self._target.name}: {self._words}")):
            yield

    def take(self, found: Explored) -> None:
        for failure in found.failures[self._shown :]:
            _show(failure, self._target, self._console)
        self._shown, self._words = len(found.failures), _standing(found)

    def _say(self, text: str) -> None:
        self._errors.print(text, soft_wrap=True)


def _standing(found: Explored) -> str:
    count = found.examined.total()
    return f"{count} cases examined in {rough(found.seconds)}, {len(found.failures)} different failures"


def _show(failure: Finding, target: Target, console: Console) -> None:
    from peerspec.conformance.render.marks import mark

    clause = failure.clauses[0] if failure.status == "fail" else "no answer"
    within = failure.explored.check if failure.explored else failure.check
    console.print(
        Text.assemble(mark(failure.status, console), " ", (clause, "bold red"), f"  {within} in {failure.precision}")
    )
    console.print(Text(f"    {printable(' '.join(failure.message.split()))}"), soft_wrap=True)
    if failure.repro:
        command = command_line("peerspec", "repro", failure.repro, *target.arguments)
        console.print(f"    repro: {command}", soft_wrap=True)


def _examined(found: Explored) -> list[tuple[str, int, str]]:
    rows: dict[str, list[tuple[str, int]]] = {}
    for (check, precision), count in found.examined.items():
        rows.setdefault(check, []).append((precision, count))
    return [
        (WORDS[check], sum(count for _, count in counts), ", ".join(precision for precision, _ in counts))
        for check, counts in rows.items()
    ]


def _verdict(found: Explored, console: Console) -> None:
    from peerspec.conformance.kinds import Status
    from peerspec.conformance.render.marks import mark

    status = (Status.PASS, Status.FAIL, Status.ERROR)[found.exit_status]
    count = len(found.failures)
    words = f"{count} different failure{'s' if count > 1 else ''}" if count else "no failure"
    text = f" {printable(found.backend)}: {words} in {found.examined.total()} explored cases, {rough(found.seconds)}"
    console.print(mark(status, console) + Text(text), soft_wrap=True)
