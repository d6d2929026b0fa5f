"""The host of an object in this process: one thread per call, so that the suite can stop waiting for a call."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from typing import Any

from peerspec.backends import BackendError
from peerspec.backends.protocol import NAME, is_name
from peerspec.conformance.hosts.call import METHODS, Answer, Caller
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.problems import FaultKind, Problem
from peerspec.files.shown import shown

__all__ = ["ObjectHost", "outcome_of", "unwrap"]

Outcome = Answer | Fault


@dataclass
class ObjectHost:
    """A backend in this process."""

    backend: Any
    timeout: float
    name: str = field(init=False)
    profiles: frozenset[str] = field(init=False)
    methods: frozenset[str] = field(init=False)
    caller: Caller = field(init=False)
    dead: Problem | None = None

    def __post_init__(self) -> None:
        if isinstance(self.backend, type):
            raise BackendError(f"the backend is the class {self.backend.__name__}; pass an instance of it")
        for part in ("name", "profiles", "forward"):
            if not hasattr(self.backend, part):
                raise BackendError(f"the backend lacks {part}; a backend has name, profiles and forward(layer, x, ...)")
        if not is_name(self.backend.name):
            raise BackendError(f"the backend: {NAME}, got {shown(self.backend.name)}")
        # plain strings: another process could not read an enum of the backend's own
        self.name, self.profiles = str(self.backend.name), frozenset(map(_plain, self.backend.profiles))
        self.methods = frozenset(method for method in METHODS if hasattr(self.backend, method))
        self.caller = Caller(self.backend)

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Call in a thread, so that the suite can stop waiting for a call that hangs; without a limit, in this one."""
        if self.dead:
            raise Fault(self.dead)
        if self.timeout == math.inf:
            return unwrap(outcome_of(self.caller, method, arguments))
        outcomes: list[Outcome] = []
        thread = threading.Thread(
            target=lambda: outcomes.append(outcome_of(self.caller, method, arguments)), daemon=True
        )
        thread.start()
        thread.join(self.timeout)
        if not outcomes:
            self.dead = Problem(FaultKind.TIMED_OUT, {"method": f"{method}()", "limit": self.timeout})
            raise Fault(self.dead)
        return unwrap(outcomes[0])

    def close(self) -> None:
        """Nothing was started."""

    def end(self) -> None:
        """Nothing was started."""


def outcome_of(caller: Caller, method: str, arguments: dict[str, Any]) -> Outcome:
    """The answer, or the fault without its cause and frames, which cannot always be sent to another process."""
    try:
        return caller.call(method, arguments)
    except Fault as fault:
        return Fault(fault.problem)
    except BaseException as error:
        return Fault.of(FaultKind.EXITED, method=method, exception=type(error).__name__)


def unwrap(outcome: Outcome) -> Answer:
    """The answer.

    Raises:
        Fault: there is none.
    """
    if isinstance(outcome, Fault):
        raise outcome
    return outcome


def _plain(text: str) -> str:
    return str.__str__(text)
