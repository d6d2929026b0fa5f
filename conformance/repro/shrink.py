"""The smallest case found that still fails a check at the same clause: a greedy delta debugger.

A smaller case counts only where the reference holds on it. What a check takes for granted, such as k = N or tokens in
opposite pairs, so need not be known here: where it is lost the reference fails as well, or nothing is decided.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, replace
from typing import Any

from peerspec.backends import reference
from peerspec.conformance.cases.case import Case
from peerspec.conformance.check import Check
from peerspec.conformance.hosts.call import Fault
from peerspec.conformance.hosts.host import Host, ObjectHost
from peerspec.conformance.repro.reductions import reductions
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.single_check import Subject, clause_of, judge
from peerspec.reference import Output

__all__ = ["QUESTIONS", "SECONDS", "Shrunk", "shrink"]

QUESTIONS, SECONDS = 500, 10.0
"""Where the search ends, whatever it found. Only the seconds can make two searches differ."""


@dataclass(frozen=True, eq=False)
class Shrunk:
    """The smallest case found, how many were put to the backend on the way, and how many seconds that took."""

    subject: Subject
    questions: int
    seconds: float


def shrink(
    check: Check, subject: Subject, host: Host, *, questions: int = QUESTIONS, seconds: float = SECONDS
) -> Shrunk:
    """Reduce ``subject``, on which the backend fails ``check``, as far as the budget goes."""
    started = time.monotonic()
    search = _Search(check, subject, host, questions, started + seconds)
    search.run()
    return Shrunk(search.smallest, search.asked, time.monotonic() - started)


class _Spent(Exception):  # noqa: N818 - no error: the search has had its time
    pass


class _Search:
    def __init__(self, check: Check, subject: Subject, host: Host, questions: int, end: float) -> None:
        self.check, self.host, self.questions, self.end = check, host, questions, end
        self.smallest, self.asked = subject, 0
        self.failure = _failure(check, subject, host)
        self.control = _control(subject, host)

    def run(self) -> None:
        """Take the first reduction that still fails, each kind for as long as one does, until none does."""
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
        if self.host.dead or self.asked >= self.questions or time.monotonic() >= self.end:
            raise _Spent
        self.asked += 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a check may stumble over a case that lacks what it takes for granted
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
        evidence = judge(self.check, smaller, self.control)
        return evidence is not None and not evidence.problem

    def _accepts(self, smaller: Subject) -> bool:
        """Whether the backend takes the configuration (CNF-2)."""
        if not isinstance(smaller, Case) or "supports" not in self.host.methods:
            return True
        layer = smaller.layer
        return self.host.call("supports", {"config": layer.config, "dtype": layer.dtype}).value is True


def _failure(check: Check, subject: Subject, host: Host) -> tuple[str, bool] | None:
    """What stays while a case shrinks: the clause or the kind of fault, and whether the values could be judged."""
    try:
        evidence = judge(check, subject, host)
    except Fault as fault:
        return str(fault).split(":")[0], True
    if evidence is None or not evidence.problem:
        return None
    return clause_of(check, evidence), evidence.blocked


def _control(subject: Subject, host: Host) -> Host:
    """The reference, without its trace where the backend shows none: it must be judged by the same questions."""
    try:
        shows_routing = not isinstance(subject, Case) or Trial(subject, host).shows_routing
    except Fault:
        shows_routing = True
    return ObjectHost(reference if shows_routing else _WithoutRouting(), timeout=60.0)


class _WithoutRouting:
    name, profiles, select, gradients = "without routing", reference.profiles, reference.select, reference.gradients

    @staticmethod
    def forward(*arguments: Any, **options: Any) -> Output:
        out = reference.forward(*arguments, **options)
        return replace(out, scores=None, indices=None, gates=None)
