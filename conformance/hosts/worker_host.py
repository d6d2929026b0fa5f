"""The host of a named backend: a worker process, which also survives a backend that kills its process."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from types import TracebackType
from typing import Any, NoReturn

from peerspec.backends import BackendError
from peerspec.backends.process.exit_reason import exit_reason
from peerspec.conformance.hosts.arguments import packed
from peerspec.conformance.hosts.call import Answer
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.hosts.object_host import unwrap
from peerspec.conformance.problems import FaultKind, Problem

__all__ = ["WorkerHost"]


class WorkerHost:
    """A backend in a process of its own, called over a private local connection."""

    def __init__(self, name: str, *, timeout: float, start_timeout: float = 120.0) -> None:
        self.timeout = timeout
        self.dead: Problem | None = None
        key = secrets.token_bytes(32)
        with Listener(authkey=key) as listener:
            self._process = _start(str(listener.address), name, key)
            try:
                self._connection = self._accept(listener, name, start_timeout)
                started = self._receive(start_timeout, "the import")
            except Fault as fault:
                raise BackendError(f"backend {name!r} cannot be imported: {fault}") from None
            except BaseException:
                self.end()
                raise
        if isinstance(started, Exception):
            self.close()
            raise BackendError(str(started))
        self.name, self.profiles, self.methods = started

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Send the call and wait for the answer; end the process if there is none."""
        if self.dead:
            raise Fault(self.dead)
        try:
            self._connection.send((method, packed(arguments)))
        except OSError:
            self._die(Problem(FaultKind.ENDED_BEFORE, {"method": f"{method}()"}))
        return unwrap(self._receive(self.timeout, f"{method}()"))

    def close(self) -> None:
        """End the process."""
        self.end()
        self._process.wait()
        self._connection.close()

    def end(self) -> None:
        """Kill the process and, if the system has process groups, the processes that it started."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL) if os.name == "posix" else self._process.kill()

    def __enter__(self) -> WorkerHost:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _accept(self, listener: Listener, name: str, limit: float) -> Connection:
        accepted: list[Connection] = []
        thread = threading.Thread(target=_accept_one, args=(listener, accepted), daemon=True)
        thread.start()
        end = time.monotonic() + limit
        while thread.is_alive() and self._process.poll() is None and time.monotonic() < end:
            thread.join(0.05)
        if not accepted:
            self.end()
            self._process.wait()
            raise BackendError(f"the worker process of backend {name!r} did not start; run it where Python can start")
        return accepted[0]

    def _receive(self, limit: float, what: str) -> Any:
        try:
            if not self._connection.poll(limit):
                self._die(Problem(FaultKind.TIMED_OUT, {"method": what, "limit": limit}))
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.wait()
            detail = exit_reason(self._process.returncode)
            self._die(Problem(FaultKind.DIED, {"method": what, "detail": detail}))

    def _die(self, problem: Problem) -> NoReturn:
        self.dead = problem
        self.close()
        raise Fault(problem)


def _start(address: str, name: str, key: bytes) -> subprocess.Popen[bytes]:
    """Start the worker.

    Its output goes to file descriptor 2, because ``sys.stderr`` need not be a file. It has a session of its own, so
    that an interrupt reaches this process alone, which then ends the group of the worker.
    """
    command = [sys.executable, "-m", "peerspec.conformance.hosts.worker", address, name]
    environment = os.environ | {"PEERSPEC_WORKER_KEY": key.hex()}
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True)


def _accept_one(listener: Listener, accepted: list[Connection]) -> None:
    try:
        accepted.append(listener.accept())
    except (OSError, EOFError, AuthenticationError):
        return  # the worker died while it connected, or the listener was closed
