"""Trials: the suite judges one mutant in a process of its own, until its first finding or a limit of time."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mutant import Mutant
from targets import TARGETS

from peerspec.backends import load
from peerspec.conformance import check_backend

__all__ = ["SURVIVED", "TIMED_OUT", "Judge", "Trial", "judged_by_suite", "run_trials"]

SURVIVED, TIMED_OUT, DIED = "", "no answer in time", "the process died"
MEMORY = 12 << 30
"""Bytes that one process may take: a wrong size must not stop the machine."""

Judge = Callable[[Path, Sequence[str] | None], str]
"""From the file of a backend, and the checks that can find its change, to the first finding, or SURVIVED."""


@dataclass(frozen=True)
class Trial:
    """A mutant and what the suite found first; SURVIVED if it found nothing.

    Attributes:
        earlier: whether the largest size of the run is that of an earlier state of the suite.
    """

    mutant: Mutant
    found: str
    seconds: float
    earlier: bool = False


def judged_by_suite(size: str) -> Judge:
    """A judge: the suite with one seed, without a limit for single calls."""

    def judge(path: Path, only: Sequence[str] | None) -> str:
        try:
            backend = load(str(path))
        except Exception as error:
            return f"import: {type(error).__name__}"
        report = check_backend(backend, size=size, only=only, timeout=inf, stop_early=True)
        if report.conformant:
            return SURVIVED
        first = report.first or next(iter(report.of("error")), None)
        return f"{first.check} ({first.clauses[0] if first.clauses else 'fault'})" if first else str(report.verdict)

    return judge


@dataclass
class _Running:
    mutant: Mutant
    process: Any
    results: Connection
    folder: TemporaryDirectory[str]
    started: float

    def trial(self, found: str) -> Trial:
        self.process.kill()
        self.process.join()
        self.results.close()
        self.folder.cleanup()
        return Trial(self.mutant, found, time.monotonic() - self.started)


def run_trials(mutants: Iterable[Mutant], judge: Judge, *, jobs: int, limit: float) -> Iterator[Trial]:
    """The trials of all mutants, as they end; ``jobs`` run at a time, for at most ``limit`` seconds each."""
    waiting, running = iter(mutants), list[_Running]()
    while True:
        while len(running) < jobs and (mutant := next(waiting, None)):
            running.append(_start(mutant, judge))
        if not running:
            return
        wait([each.results for each in running], timeout=1.0)
        for each in list(running):
            if (found := _found(each, limit)) is not None:
                running.remove(each)
                yield each.trial(found)


def _found(each: _Running, limit: float) -> str | None:
    if each.results.poll():
        try:
            return str(each.results.recv())
        except EOFError:
            return DIED
    return TIMED_OUT if time.monotonic() - each.started > limit else None


def _start(mutant: Mutant, judge: Judge) -> _Running:
    """A fork, which has everything imported already."""
    context = multiprocessing.get_context("fork")
    results, ours = context.Pipe(duplex=False)
    folder = TemporaryDirectory()
    target = TARGETS[mutant.target]
    backend = target.write(Path(folder.name), mutant)
    process = context.Process(target=_child, args=(backend, target.checks.get(mutant.file), judge, ours))
    process.start()
    ours.close()
    return _Running(mutant, process, results, folder, time.monotonic())


def _child(backend: Path, only: Sequence[str] | None, judge: Judge, results: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    results.send(judge(backend, only))
