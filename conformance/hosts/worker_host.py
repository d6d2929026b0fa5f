"""The host of a named backend: a worker process, which also survives a backend that kills its process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO, NoReturn, TypeVar, cast

from peerspec.backends import BackendError
from peerspec.backends.process.exit_reason import exit_reason, has_ended
from peerspec.backends.process.guard import Guard
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.object_host import unwrap
from peerspec.conformance.hosts.worker_messages import Message, answer_of, request_of, start_of
from peerspec.conformance.hosts.worker_wire import WireError, read_message, write_message
from peerspec.conformance.problems import FaultKind, Problem
from peerspec.files.shown import shown

__all__ = ["WorkerHost"]

Read = TypeVar("Read")

_LAST = 1.0
"""Seconds that a process may take to end after its pipe has, or its last reply to come after its end."""
_LOOK = 0.2
"""Seconds between two looks at a silent process: one that it started may keep its pipe open after its end."""


class WorkerHost:
    """A backend in a process of its own, called through pipes.

    Attributes:
        modules: what it was loaded from, as ``loaded_modules``.
    """

    def __init__(self, name: str, *, timeout: float, start_timeout: float = 120.0) -> None:
        self.timeout = timeout
        self.dead: Problem | None = None
        self._process = _start(name)
        self._requests, self._replies = (cast(BinaryIO, s) for s in (self._process.stdin, self._process.stdout))
        self._guard = Guard(self._process.pid)
        try:
            started = self._exchange(None, start_of, start_timeout, "the import")
        except Fault as fault:
            raise BackendError(f"backend {name!r} cannot be imported: {fault}") from None
        except BaseException:
            self.close()
            raise
        if isinstance(started, str):
            self.close()
            raise BackendError(started)
        self.name, self.profiles, self.methods, self.modules = started

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Send the call and wait for the answer; end the process if there is none."""
        if self.dead:
            raise Fault(self.dead)
        request = request_of(method, arguments)
        return unwrap(self._exchange(request, lambda reply: answer_of(method, reply), self.timeout, f"{method}()"))

    def close(self) -> None:
        """End the process."""
        self.end()
        self._process.wait()
        self._guard.release()
        self._thread.join(_LAST)
        if self._thread.is_alive():
            return  # a process that the backend started elsewhere has the pipes, too
        for stream in (self._requests, self._replies):
            with contextlib.suppress(OSError):  # what the process did not read is lost
                stream.close()

    def end(self) -> None:
        """Kill the process and, if the system has process groups, the processes that it started."""
        if self._process.returncode is None:  # its number is its own until it is waited for
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL) if os.name == "posix" else self._process.kill()

    def __enter__(self) -> WorkerHost:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _exchange(self, request: Message | None, read: Callable[[Message], Read], limit: float, what: str) -> Read:
        """Send a request and read its reply, in a thread, because a pipe has no time limit."""
        found: list[tuple[Read] | Exception] = []
        self._thread = threading.Thread(target=lambda: found.append(self._attempt(request, read)), daemon=True)
        self._thread.start()
        self._wait(limit)
        if not found and has_ended(self._process):
            self._die(Problem(FaultKind.DIED, {"method": what, "detail": self._exit_reason()}))
        if not found:
            kind = FaultKind.TIMED_OUT if request else FaultKind.NOT_STARTED
            self._die(Problem(kind, {"method": what, "limit": limit}))
        if isinstance(found[0], WireError):
            detail = f"its process sent no readable reply to {what}: {found[0]}"
            self._die(Problem(FaultKind.PROTOCOL, {"method": what, "detail": detail}))
        if isinstance(found[0], Exception):
            self._die(Problem(FaultKind.DIED, {"method": what, "detail": self._exit_reason()}))
        return found[0][0]

    def _attempt(self, request: Message | None, read: Callable[[Message], Read]) -> tuple[Read] | Exception:
        try:
            if request:
                write_message(self._requests, *request)
            return (read(read_message(self._replies, limited=True)),)
        except (OSError, EOFError, ValueError) as error:
            return error

    def _wait(self, limit: float) -> None:
        """Wait for the reply, up to ``limit`` seconds, or until the process has ended."""
        end = time.monotonic() + limit
        while self._thread.is_alive() and (left := end - time.monotonic()) > 0:
            self._thread.join(min(left, _LOOK))
            if has_ended(self._process):
                self._thread.join(_LAST)
                return

    def _exit_reason(self) -> str:
        end = time.monotonic() + _LAST
        while not has_ended(self._process) and time.monotonic() < end:  # it closed its pipe, and may live on
            time.sleep(_LAST / 100)
        self.end()
        return exit_reason(self._process.wait())

    def _die(self, problem: Problem) -> NoReturn:
        self.dead = problem
        self.close()
        raise Fault(problem)


def _start(name: str) -> subprocess.Popen[bytes]:
    """Start the worker.

    It imports no module from the current folder in the place of one that the suite needs. Its standard error is file
    descriptor 2, because ``sys.stderr`` need not be a file. It has a session of its own, so that an interrupt reaches
    this process alone, which then ends the group of the worker. Its idle threads sleep, unless the environment says
    otherwise, because this process computes while the worker waits.
    """
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    command = [sys.executable, "-P", "-m", "peerspec.conformance.hosts.worker", name]
    try:
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, env=environment
        )
    except (ValueError, OSError) as error:  # a NUL, or a name that is too long
        raise BackendError(f"{shown(name)} cannot be the name of a backend: {error}") from None
