"""Where a backend lives while it is judged: a worker process for one named, a thread for an object at hand.

Both hold it to a time limit. A worker also survives a backend that kills its process; nothing else can.
"""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from types import TracebackType
from typing import Any, NoReturn, Protocol

from peerspec.backends import BackendError, load
from peerspec.backends.process import Command
from peerspec.conformance.hosts.call import Answer, Fault, call_backend
from peerspec.conformance.hosts.command import CommandHost

__all__ = ["Host", "ObjectHost", "WorkerHost", "open_host"]

START_LIMIT = 120.0
"""Seconds a start may take, or as many as a call, where that is more; a cold framework on a slow disk takes tens."""


class Host(Protocol):
    """A backend that can be asked; ``dead`` says why it never answers again, if so."""

    name: str
    profiles: frozenset[str]
    methods: frozenset[str]
    dead: str

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Ask one question, or raise ``Fault``."""
        ...

    def close(self) -> None:
        """End what was started, and forget it."""
        ...

    def end(self) -> None:
        """End it at once; from any thread, so that one which waits for an answer need wait no longer."""
        ...


def open_host(backend: Any, *, timeout: float) -> Host:
    """A host for a backend given by name, as an object or as a ``Command``; ``timeout`` in seconds per call."""
    if not timeout > 0 or (timeout == math.inf and isinstance(backend, str | Command)):
        raise BackendError(f"a call may take {timeout} seconds; pass a number above 0, or infinity for an object alone")
    if isinstance(backend, Command):
        return CommandHost(backend, timeout=timeout, start_timeout=max(START_LIMIT, timeout))
    return WorkerHost(backend, timeout=timeout) if isinstance(backend, str) else ObjectHost(backend, timeout=timeout)


METHODS = ("forward", "select", "gradients", "supports")


@dataclass
class ObjectHost:
    """A backend in this process."""

    backend: Any
    timeout: float
    name: str = field(init=False)
    profiles: frozenset[str] = field(init=False)
    methods: frozenset[str] = field(init=False)
    dead: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.backend, type):
            raise BackendError(f"the backend is the class {self.backend.__name__}; pass an instance of it")
        for part in ("name", "profiles", "forward"):
            if not hasattr(self.backend, part):
                raise BackendError(f"the backend lacks {part}; a backend has name, profiles and forward(layer, x, ...)")
        # plain strings: an enum of the backend's own could not be read in another process
        self.name, self.profiles = str(self.backend.name), frozenset(map(_plain, self.backend.profiles))
        self.methods = frozenset(method for method in METHODS if hasattr(self.backend, method))

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Call in a thread, so that a hang ends the waiting if not the thread; without a limit, in this one."""
        if self.dead:
            raise Fault(self.dead)
        outcome: list[Answer | Fault] = []
        if self.timeout == math.inf:
            _collect(outcome, self.backend, method, arguments)
            return _unwrap(outcome[0])
        thread = threading.Thread(target=_collect, args=(outcome, self.backend, method, arguments), daemon=True)
        thread.start()
        thread.join(self.timeout)
        if not outcome:
            self.dead = f"{method}() gave no answer within {self.timeout:g} s; the run was ended"
            raise Fault(self.dead)
        return _unwrap(outcome[0])

    def close(self) -> None:
        """Nothing was started."""

    def end(self) -> None:
        """Nothing was started."""


class WorkerHost:
    """A backend in a process of its own, asked over a private local connection."""

    def __init__(self, name: str, *, timeout: float) -> None:
        self.timeout, self.dead = timeout, ""
        key = secrets.token_bytes(32)
        with Listener(authkey=key) as listener:
            environment = os.environ | {"PEERSPEC_WORKER_KEY": key.hex()}
            command = [sys.executable, "-m", "peerspec.conformance.hosts.worker", str(listener.address), name]
            # what a backend prints goes to standard error, by number: sys.stderr need not be a file;
            # an interrupt is for this process alone, which ends the group of that one
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True
            )
            try:
                self._connection = self._accept(listener, name)
                hello = self._receive(max(START_LIMIT, timeout), "the import")
            except Fault as fault:
                raise BackendError(f"backend {name!r} cannot be imported: {fault}") from None
            except BaseException:
                self.end()
                raise
        if isinstance(hello, Exception):
            self.close()
            raise BackendError(str(hello))
        self.name, self.profiles, self.methods = hello

    def call(self, method: str, arguments: dict[str, Any]) -> Answer:
        """Send the question, wait for the answer, end the process when there is none."""
        if self.dead:
            raise Fault(self.dead)
        try:
            self._connection.send((method, arguments))
        except OSError:
            self._die(f"its process ended before {method}()")
        reply = self._receive(self.timeout, f"{method}()")
        return _unwrap(reply)

    def close(self) -> None:
        """End the process."""
        self.end()
        self._process.wait()
        self._connection.close()

    def __enter__(self) -> WorkerHost:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _accept(self, listener: Listener, name: str) -> Connection:
        accepted: list[Connection] = []
        thread = threading.Thread(target=_accept_one, args=(listener, accepted), daemon=True)
        thread.start()
        end = time.monotonic() + START_LIMIT
        while thread.is_alive() and self._process.poll() is None and time.monotonic() < end:
            thread.join(0.05)
        if not accepted:
            self.end()
            self._process.wait()
            raise BackendError(f"the worker process of backend {name!r} did not start; run it where Python can start")
        return accepted[0]

    def end(self) -> None:
        """Kill the process, and what it started where the system knows groups of processes."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL) if os.name == "posix" else self._process.kill()

    def _receive(self, limit: float, what: str) -> Any:
        try:
            if not self._connection.poll(limit):
                self._die(f"{what} gave no answer within {limit:g} s; the run was ended")
            return self._connection.recv()
        except (EOFError, OSError):
            self._process.wait()
            self._die(f"its process died during {what} ({_exit_reason(self._process.returncode)})")

    def _die(self, reason: str) -> NoReturn:
        self.dead = reason
        self.close()
        raise Fault(reason)


def serve(address: str, name: str) -> None:
    """The worker's side: load the backend, say hello, answer until the connection closes."""
    with Client(address, authkey=bytes.fromhex(os.environ.pop("PEERSPEC_WORKER_KEY"))) as connection:
        try:
            host = ObjectHost(load(name), timeout=0)
        except Exception as error:
            connection.send(BackendError(str(error)))
            return
        connection.send((host.name, host.profiles, host.methods))
        while True:
            try:
                method, arguments = connection.recv()
                outcome: list[Answer | Fault] = []
                _collect(outcome, host.backend, method, arguments)
                connection.send(outcome[0])
            except (EOFError, BrokenPipeError, ConnectionResetError):
                return  # the parent has ended


def _collect(outcome: list[Answer | Fault], backend: Any, method: str, arguments: dict[str, Any]) -> None:
    try:
        outcome.append(call_backend(backend, method, arguments))
    except Fault as fault:
        outcome.append(fault.plain())
    except BaseException as error:
        outcome.append(Fault(f"{method}() ended with {type(error).__name__}"))


def _unwrap(outcome: Answer | Fault) -> Answer:
    if isinstance(outcome, Fault):
        raise outcome
    return outcome


def _accept_one(listener: Listener, accepted: list[Connection]) -> None:
    try:
        accepted.append(listener.accept())
    except (OSError, EOFError, AuthenticationError):
        return  # the worker died while it connected, or the listener was closed


def _plain(text: str) -> str:
    return str.__str__(text)


def _exit_reason(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit status {code}"
