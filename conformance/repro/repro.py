"""A repro: one failing case, and all that a replay needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from peerspec.conformance.cases.case import Subject
from peerspec.conformance.check import Check
from peerspec.conformance.kinds import TrialKind
from peerspec.conformance.suite import CHECKS
from peerspec.reference import PeerError

__all__ = ["BackendKind", "Repro", "ReproError", "find_check"]


class ReproError(PeerError):
    """A file that is no repro, or a failure that cannot become one."""


class BackendKind(StrEnum):
    """How the backend was given; of an object, only its name is known."""

    NAME = "name"
    COMMAND = "command"
    OBJECT = "object"


@dataclass(frozen=True, eq=False)
class Repro:
    """One case and its failure.

    Attributes:
        check, precision: the check that failed, and where.
        clause: the broken clause; empty if there was no answer.
        fault: the ``FaultKind`` if there was no answer, else empty.
        message: what is wrong, in words.
        backend, kind: the backend.
        spec: the version of SPEC.md.
        subject: the case.
    """

    check: str
    clause: str
    fault: str
    precision: str
    message: str
    backend: str
    kind: BackendKind
    spec: str
    subject: Subject

    @property
    def title(self) -> str:
        """The broken clause, or that there was no answer."""
        return self.clause or "no answer"


def find_check(id: str) -> Check:
    """The check of that identifier, which runs on single cases.

    Raises:
        ReproError: there is none.
    """
    for check in CHECKS:
        if check.id == id and check.trial is not TrialKind.EXPLORATION:
            return check
    raise ReproError(f"the repro is one of the check {id!r}, which this version does not have; install its version")
