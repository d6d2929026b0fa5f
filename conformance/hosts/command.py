"""A program in any language, asked as a host: ``ProcessBackend`` holds it to the time limit and tells its faults."""

from __future__ import annotations

from typing import Any

from peerspec.backends.process import Command, ProcessBackend, ProcessError, RefusalError
from peerspec.conformance.hosts.call import Answer, Fault, Refused, Strided

__all__ = ["CommandHost"]


class CommandHost:
    """A program started for one run and ended after it."""

    def __init__(self, command: Command, *, timeout: float, start_timeout: float) -> None:
        self._backend = ProcessBackend(command.words, timeout=timeout, start_timeout=start_timeout)
        self.name, self.profiles, self.methods = self._backend.name, self._backend.profiles, self._backend.methods
        self.dead = ""

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Ask; the program sees copies in files, so nothing of this process can change."""
        if method not in self.methods:
            raise Fault(f"it has no {method}(), which the profiles it claims need")
        plain = {name: value.array if isinstance(value, Strided) else value for name, value in arguments.items()}
        try:
            value = getattr(self._backend, method)(**plain)
        except RefusalError as error:
            raise Refused(str(error)) from None
        except ProcessError as error:
            self.dead = self._backend.dead
            raise Fault(str(error)) from None
        return Answer(value, self._backend.modified)

    def end(self) -> None:
        """Kill the program."""
        self._backend.end()

    def close(self) -> None:
        """End the program."""
        self._backend.close()
