"""What a host is, and the host of each form of a backend. Every host enforces a time limit of calls."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from peerspec.backends import BackendError
from peerspec.backends.process import Command
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.command import CommandHost
from peerspec.conformance.hosts.object_host import ObjectHost
from peerspec.conformance.hosts.worker_host import WorkerHost
from peerspec.conformance.problems import Problem
from peerspec.files.limited import LONGEST_WAIT
from peerspec.reference import PeerConfig

__all__ = ["Host", "open_host", "supports"]

START_LIMIT = 120.0
"""Seconds for a start, or the limit of a call if that is larger; a cold framework on a slow disk takes tens."""


class Host(Protocol):
    """A backend that can be called; ``dead`` says why it will never answer again."""

    name: str
    profiles: frozenset[str]
    methods: frozenset[str]
    dead: Problem | None

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Make one call, or raise ``Fault``."""
        ...

    def close(self) -> None:
        """End the backend, and release its resources."""
        ...

    def end(self) -> None:
        """End the backend at once, from any thread; a thread that waits for an answer then stops waiting."""
        ...


def open_host(backend: Any, *, timeout: float) -> Host:
    """A host for a backend given by name, as an object or as a ``Command``.

    Args:
        backend: as for ``check_backend``.
        timeout: seconds per call; infinity only for an object.

    Raises:
        BackendError: no such backend, an object without the contract, or a timeout that is no limit.
    """
    endless = timeout == math.inf and not isinstance(backend, str | Command)
    if not (0 < timeout <= LONGEST_WAIT or endless):
        raise BackendError(
            f"the timeout of a call is {timeout} seconds; "
            f"pass a number above 0 and at most {LONGEST_WAIT:.0f}, or infinity for an object"
        )
    start_timeout = max(START_LIMIT, timeout)
    if isinstance(backend, Command):
        return CommandHost(backend, timeout=timeout, start_timeout=start_timeout)
    if isinstance(backend, str):
        return WorkerHost(backend, timeout=timeout, start_timeout=start_timeout)
    return ObjectHost(backend, timeout=timeout)


def supports(host: Host, config: PeerConfig, dtype: np.dtype[Any]) -> bool | str:
    """True if the backend takes the configuration (CNF-4), else its reason; a backend without ``supports`` takes all.

    ``dtype`` is that of the learned parameters.

    Raises:
        Fault: the backend gave no answer.
    """
    if "supports" not in host.methods:
        return True
    answer: bool | str = host.call("supports", {"config": config, "dtype": dtype}).value
    return answer
