"""A host that returns one stored output, so that checks can judge it like the answer of a backend."""

from __future__ import annotations

from typing import Any

from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.problems import FaultKind, Problem
from peerspec.reference import Output

__all__ = ["FrozenHost"]


class FrozenHost:
    """The host of a stored output in float64."""

    name, profiles, methods = "vectors", frozenset({"float64"}), frozenset({"forward"})
    dead: Problem | None = None

    def __init__(self, output: Output) -> None:
        self._answer = Answer(output)

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """The stored output, whatever the arguments."""
        if method != "forward":
            raise Fault.of(FaultKind.METHOD_MISSING, method=method)
        return self._answer

    def close(self) -> None:
        """Nothing was started."""

    def end(self) -> None:
        """Nothing was started."""
