"""``explore_deeply``: draw cases until the time is over, and file every failure of another kind."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from peerspec.backends import BackendError
from peerspec.conformance import findings
from peerspec.conformance.cases.explorations import MOST, Exploration
from peerspec.conformance.check import Check
from peerspec.conformance.explore.checks import EXPLORATION_CHECKS
from peerspec.conformance.explore.explorer import Explorer, Identity
from peerspec.conformance.finding import Finding
from peerspec.conformance.finding_json import finding_of, row_of
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host, open_host
from peerspec.conformance.identity import identity
from peerspec.conformance.journal_file import JournalFile
from peerspec.conformance.kinds import Status, TrialKind
from peerspec.conformance.plan import Plan, Step
from peerspec.conformance.repro import write_repro
from peerspec.conformance.run import Run
from peerspec.reference import PeerError

__all__ = ["Explored", "explore_deeply"]

SELECTIONS, LAYERS = 200, 12
"""Examples of one round in one precision."""
WITNESSES = 200
"""Examples of the search for a smaller failing case."""
LARGER = 8
"""In every second round, layers are so many times larger."""


@dataclass
class Explored:
    """What was explored so far.

    Attributes:
        backend: its name.
        rounds: the number of finished rounds.
        seconds: how long it took, over all parts of the run.
        examined: the number of cases that decided something, by check and precision.
        failures: one failure of each kind, with the path of its repro if one could be made.
    """

    backend: str
    rounds: int = 0
    seconds: float = 0.0
    examined: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[Finding] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """0 without a failure, 1 if a clause fails, 2 if the backend gave no answer to a case."""
        errors = any(finding.status is Status.ERROR for finding in self.failures)
        return 2 if errors else int(bool(self.failures))


def explore_deeply(
    backend: Any,
    *,
    seconds: float,
    directory: Path,
    profiles: Collection[str] | None = None,
    seed: int = 0,
    timeout: float = 60.0,
    resume: Path | None = None,
    progress: Callable[[Explored], None] | None = None,
    warn: Callable[[str], None] = warnings.warn,
) -> Explored:
    """Explore layers, gradients, half scores and repeated calls in all claimed precisions until the time is over.

    A failure is shrunk and written as a repro. Then others are looked for: of another check, clause or kind of fault.

    Args:
        backend: as for ``check_backend``.
        seconds: how long to explore, the parts before an interruption included. A step in progress is finished, and the
            first round always: no check of a precision is left out.
        directory: where to write repros; it is made at the first failure.
        profiles: restrict the exploration to these of the claimed profiles.
        seed: decides what is drawn, round by round.
        timeout: seconds one call may take.
        resume, warn: the journal, as for ``check_backend``.
        progress: called after each round and at each failure.

    Raises:
        BackendError: as for ``check_backend``.
        JournalError: ``resume`` is the journal of another run, or no journal.

    Example:
        >>> found = explore_deeply("reference", seconds=0.1, directory=Path("failures"), profiles=["float32", "core"])
        >>> found.exit_status, found.examined["explore.layer", "float32"] > 0
        (0, True)
    """
    host, deep = open_host(backend, timeout=timeout), None
    try:
        plan = Plan.make(host.profiles, size="full", profiles=profiles, only=[check.id for check in EXPLORATION_CHECKS])
        deep = _Deep(backend, host, plan, seed, timeout, directory, progress)
        about = {"size": "deep", "profiles": profiles, "seed": seed, "repros": directory}
        file = JournalFile(resume, identity(backend, host, about), deep.restore, warn) if resume else None
        return deep.explore(seconds, file)
    finally:
        deep.close() if deep else host.close()


class _Deep:
    """The state of a deep exploration: each round has a step for every check and precision."""

    def __init__(
        self,
        backend: Any,
        host: Host,
        plan: Plan,
        seed: int,
        timeout: float,
        directory: Path,
        progress: Callable[[Explored], None] | None,
    ) -> None:
        self._backend, self._host, self._timeout = backend, host, timeout
        self._plan, self._seed, self._directory, self._progress = plan, seed, directory, progress
        self._explored, self._run = Explored(host.name), Run(host, plan, seed)
        self._known: set[Identity] = set()
        self._finished: set[tuple[int, str, str]] = set()

    def restore(self, row: Mapping[str, Any]) -> None:
        """Take over a row of the journal."""
        number, check, precision = row["step"]
        steps = {(step.check.id, step.precision) for step in self._plan.steps}
        if (check, precision) not in steps or not (_is_count(number) and _is_count(row["examined"])):
            raise ValueError
        self._finished.add((number, check, precision))
        self._explored.examined[check, precision] += row["examined"]
        if row["failure"] is not None:
            if not all(isinstance(part, str) for part in row["identity"]):
                raise ValueError
            self._known.add(tuple(row["identity"]))
            self._explored.failures.append(finding_of(row["failure"]))

    def explore(self, seconds: float, file: JournalFile | None) -> Explored:
        """Go through the rounds until the time is over."""
        begun = time.monotonic() - (file.seconds if file else 0.0)
        for number, step in self._steps():
            if (number and time.monotonic() > begun + seconds) or self._host.dead:
                break
            if (number, step.check.id, step.precision) not in self._finished:
                row = self._step(number, step)
                if file:
                    file.write(row)
            self._explored.rounds, self._explored.seconds = number, time.monotonic() - begun
            self._tell()
        if file:
            file.close()
            if not self._host.dead:
                file.remove()
        return self._explored

    def close(self) -> None:
        """End the backend."""
        self._host.close()

    def _steps(self) -> Iterator[tuple[int, Step]]:
        yield from ((number, step) for number in count() for step in self._plan.steps)

    def _step(self, number: int, step: Step) -> dict[str, Any]:
        """One exploration as a row of the journal; a failure that was found before does not count."""
        explorer = self._run.explorer(_drawn(step, number), step.precision, self._known)
        failure = _failure(step.check, step.precision, explorer)
        self._explored.examined[step.check.id, step.precision] += explorer.examined
        if failure:
            self._known.add(explorer.identity)
            self._explored.failures.append(self._filed(failure))
            self._revive()
        return {
            "step": [number, step.check.id, step.precision],
            "examined": explorer.examined,
            "identity": explorer.identity if failure else None,
            "failure": row_of(self._explored.failures[-1]) if failure else None,
        }

    def _filed(self, failure: Finding) -> Finding:
        """The failure with the path of its repro, if it fails again alone and the backend can be opened for that."""
        try:
            path = write_repro(self._backend, failure, self._directory, self._seed, timeout=self._timeout)
        except PeerError:
            return failure
        return replace(failure, repro=str(path))

    def _revive(self) -> None:
        """Start a backend again that ended or hung; an object cannot be, nor one that can be opened only once."""
        if self._host.dead and isinstance(self._backend, str):
            self._host.close()
            with suppress(BackendError):
                self._host = open_host(self._backend, timeout=self._timeout)
                self._run = Run(self._host, self._plan, self._seed)

    def _tell(self) -> None:
        if self._progress:
            self._progress(self._explored)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _drawn(step: Step, number: int) -> Exploration:
    """What a step explores in a round."""
    found: Exploration = step.cases[0]
    examples = SELECTIONS if found.trial is TrialKind.SELECTION else LAYERS
    source = f"deep/{found.source}/{number}"
    most = MOST * (LARGER if number % 2 else 1)
    return replace(
        found, examples=examples, drawn=examples, source=source, most=most, repeats=True, witnesses=WITNESSES
    )


def _failure(check: Check, precision: str, explorer: Explorer) -> Finding | None:
    """What an exploration finds, if anything fails."""
    name = explorer.exploration.name
    try:
        evidence = next(explorer.evidence(), None)
    except Fault as fault:
        found = findings.faulty(check, precision, explorer.examined, fault, name)
        return replace(found, explored=explorer.witness)
    if not (evidence and evidence.problem):
        return None
    return findings.failed(check, precision, explorer.examined, evidence, evidence.problem, name)
