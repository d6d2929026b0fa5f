"""The smallest case found that still fails a check at the same clause: a greedy delta debugger.

A smaller case counts only if the reference holds on it. So the search need not know what a check assumes,
such as k = N or tokens in opposite pairs: on a case without it, the reference fails too, or nothing is decided.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

from peerspec.backends import reference
from peerspec.conformance.cases.case import Case, Subject
from peerspec.conformance.check import Check
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.host import Host, supports
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.repro.reductions import reductions
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.run_check import run_check
from peerspec.reference import Output

__all__ = ["CASES", "SECONDS", "Shrunk", "shrink"]

CASES, SECONDS = 500, 10.0
"""The budget of the search. Only the seconds can make two searches differ."""

Identity = tuple[object, ...]
"""What stays while a case shrinks: the clause and whether the check was blocked, or the identity of the fault."""


@dataclass(frozen=True, eq=False)
class Shrunk:
    """The smallest case found, the number of cases tried, and the seconds it took."""

    subject: Subject
    tried: int
    seconds: float


def shrink(check: Check, subject: Subject, host: Host, *, cases: int = CASES, seconds: float = SECONDS) -> Shrunk:
    """Reduce ``subject``, on which the backend fails ``check``, as far as the budget goes.

    Args:
        check: the check that fails.
        subject: the case to reduce.
        host: the backend.
        cases: the largest number of cases to try.
        seconds: the longest time to search.
    """
    started = time.monotonic()
    search = _Search(check, subject, host, cases, started + seconds)
    search.run()
    return Shrunk(search.smallest, search.tried, time.monotonic() - started)


class _Spent(Exception):  # noqa: N818 - no error: the budget of the search is spent
    pass


class _Search:
    def __init__(self, check: Check, subject: Subject, host: Host, cases: int, end: float) -> None:
        self.check, self.host, self.cases, self.end = check, host, cases, end
        self.smallest, self.tried = subject, 0
        self.failure = _failure(check, subject, host)
        self.control = _control(subject, host)

    def run(self) -> None:
        """Take the first reduction that still fails, each kind of reduction as long as it helps, until none helps."""
        try:
            improved = self.failure is not None
            while improved:
                improved = False
                for reduce in reductions(self.smallest):
                    while any(self._take(smaller) for smaller in reduce(self.smallest)):
                        improved = True
        except _Spent:
            return

    def _take(self, smaller: Subject) -> bool:
        if self.host.dead or self.tried >= self.cases or time.monotonic() >= self.end:
            raise _Spent
        self.tried += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a check may warn or raise on a case that it does not expect
            try:
                taken = self._accepts(smaller) and self._fails_alike(smaller)
            except Exception:
                return False
        if taken:
            self.smallest = smaller
        return taken

    def _fails_alike(self, smaller: Subject) -> bool:
        if _failure(self.check, smaller, self.host) != self.failure:
            return False
        evidence = run_check(self.check, smaller, self.control)
        return evidence is not None and not evidence.problem

    def _accepts(self, smaller: Subject) -> bool:
        """Whether the backend takes the configuration (CNF-4)."""
        if not isinstance(smaller, Case):
            return True
        return supports(self.host, smaller.layer.config, smaller.layer.dtype) is True


def _failure(check: Check, subject: Subject, host: Host) -> Identity | None:
    """What fails; None if the check holds or decides nothing."""
    try:
        evidence = run_check(check, subject, host)
    except Fault as fault:
        return fault.identity
    if evidence is None or not evidence.problem:
        return None
    return check.broken_clause(evidence), evidence.blocked


def _control(subject: Subject, host: Host) -> Host:
    """The reference; without routing if the backend shows none, so that checks treat both alike."""
    try:
        shows_routing = not isinstance(subject, Case) or Trial(subject, host).shows_routing
    except Fault:
        shows_routing = True
    return ObjectHost(reference if shows_routing else _WithoutRouting(), timeout=60.0)


class _WithoutRouting:
    name, profiles, select, gradients = "without routing", reference.profiles, reference.select, reference.gradients
    adapter_gradients = staticmethod(reference.adapter_gradients)

    @staticmethod
    def forward(*arguments: Any, **options: Any) -> Output:
        out = reference.forward(*arguments, **options)
        return replace(out, scores=None, indices=None, gates=None)

    @staticmethod
    def adapt(*arguments: Any, **options: Any) -> dict[str, Any]:
        found = reference.adapt(*arguments, **options)
        return {name: part for name, part in found.items() if name.startswith("y.")}
