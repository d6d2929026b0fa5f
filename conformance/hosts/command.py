"""The host of a program in any language: ``ProcessBackend`` enforces the time limit and reports faults."""

from __future__ import annotations

from typing import Any

from peerspec.backends.process import Command, ProcessBackend, ProcessError, RefusalError
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.problems import FaultKind, Problem

__all__ = ["CommandHost"]


class CommandHost:
    """A program that is started for one run and ended after it."""

    def __init__(self, command: Command, *, timeout: float, start_timeout: float) -> None:
        self._backend = ProcessBackend(command.words, timeout=timeout, start_timeout=start_timeout)
        self.name, self.profiles, self.methods = self._backend.name, self._backend.profiles, self._backend.methods
        self.dead: Problem | None = None

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Call a method; the program reads copies from files, so it cannot change the arrays of this process."""
        if method not in self.methods:
            raise Fault.of(FaultKind.METHOD_MISSING, method=method)
        try:
            value = getattr(self._backend, method)(**arguments)
        except RefusalError as error:
            raise Fault.of(FaultKind.REFUSED, method=method, detail=str(error)) from None
        except ProcessError as error:
            fault = Fault.of(FaultKind.PROTOCOL, method=method, detail=str(error))
            self.dead = fault.problem if self._backend.dead else None
            raise fault from None
        return Answer(value, self._backend.modified)

    def end(self) -> None:
        """Kill the program."""
        self._backend.end()

    def close(self) -> None:
        """End the program."""
        self._backend.close()
