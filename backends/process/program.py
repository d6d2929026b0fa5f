"""A running program that exchanges lines over pipes: one line to it, one line back, within a time limit.

It runs in its own process group, so the processes that it starts end with it. A guard ends them if this
process is killed.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from peerspec.backends.process.errors import ProcessError
from peerspec.backends.process.exit_reason import exit_reason, has_ended
from peerspec.backends.process.guard import Guard

__all__ = ["LINE_LIMIT", "LOG_LIMIT", "Program"]

LINE_LIMIT = 1 << 20
"""The longest line that is read, in bytes; the longest reply of the protocol has a few hundred."""
LOG_LIMIT = 64 << 20
"""Bytes that a program may write to standard error during one message; only an endless loop writes more."""
_TAIL = 4096
_QUOTED_LINES = 5
_CHUNKS = 64
"""The limit of reads of standard error after the end, for a program that never stops writing."""
_STOP_LIMIT = 2.0
"""Seconds that a program may take to end after ``stop``."""
_LOOK = 0.2
"""Seconds between two looks at a silent program: a process that it started may keep its output open after its end."""


class Program:
    """A running program.

    Args:
        command: the program and its arguments.
        folder: a folder of its files, which is removed if this process is killed.

    Attributes:
        dead: the reason why it was ended; empty while it runs.

    Raises:
        ProcessError: the program cannot be started.
    """

    def __init__(self, command: str | Sequence[str], folder: Path | None = None) -> None:
        self.dead = ""
        self._process = _start(_words(command))
        self._guard = Guard(self._process.pid, folder)
        self._lines, self._log, self._logged = b"", b"", 0
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        for stream in (self._process.stdin, self._process.stderr):
            os.set_blocking(stream.fileno(), False)
        self._streams = selectors.DefaultSelector()
        self._streams.register(self._process.stdout, selectors.EVENT_READ, "output")
        self._streams.register(self._process.stderr, selectors.EVENT_READ, "log")

    def exchange(self, line: bytes, *, limit: float, what: str) -> bytes:
        """Send one line and return the reply, a line without its line end.

        Raises:
            ProcessError: there is no reply within ``limit`` seconds, the program ended, wrote more than one line, or
                wrote more than ``LOG_LIMIT`` bytes to standard error.
        """
        if self.dead:
            raise ProcessError(self.dead)
        self._read(0, what)
        if self._lines:
            self._die(f"it wrote a line before {what}, which answers no message: {quoted(self._lines)}")
        self._send(line)
        self._logged = 0
        end = time.monotonic() + limit
        while b"\n" not in self._lines:
            if len(self._lines) > LINE_LIMIT:
                self._die(f"its answer to {what} is a line of more than {LINE_LIMIT} bytes; tensors belong in files")
            if self._logged > LOG_LIMIT:
                self._die(f"it wrote more than {LOG_LIMIT} bytes to standard error during {what} and gave no answer")
            left = end - time.monotonic()
            if left <= 0:
                limited = "a start, or of --timeout if that is longer" if what == "start" else "--timeout"
                self._die(f"{what} gave no answer within {limit:g} s, the limit of {limited}; the program was ended")
            if not self._read(min(left, _LOOK), what) and has_ended(self._process):
                self._ended(what)
        answer, _, self._lines = self._lines.partition(b"\n")
        return answer

    def stop(self, line: bytes) -> None:
        """Send the last line, wait, and kill the program if it still runs."""
        if self.dead:
            return
        end = time.monotonic() + _STOP_LIMIT
        try:
            self._send(line)
            while (left := end - time.monotonic()) > 0:
                self._read(left, "stop")
        except ProcessError:
            pass  # it ended
        else:
            self._kill()
        self.dead = "the program was stopped"

    def end(self) -> None:
        """Kill the program and the processes that it started; callable from any thread."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def fail(self, reason: str) -> NoReturn:
        """Kill the program for ``reason``, because its further answers cannot be trusted.

        Raises:
            ProcessError: always.
        """
        self._die(reason)

    def with_log(self, reason: str) -> str:
        """The reason, with the last lines that the program wrote to standard error."""
        self._drain_log()
        lines = [line for line in self._log.decode("utf-8", "replace").splitlines() if line.strip()]
        if not lines:
            return reason
        last = " | ".join(map(_printable, lines[-_QUOTED_LINES:]))
        return f"{reason}; it last wrote to standard error: {last}"

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            written = self._process.stdin.write(line + b"\n")
        except BrokenPipeError:
            return  # it has ended; the next read reports the reason
        if written != len(line) + 1:
            self._die("it does not read its standard input, which is full of messages")

    def _read(self, limit: float, what: str) -> bool:
        """Read from both streams; wait up to ``limit`` seconds for data. Returns whether there was any."""
        ready = self._streams.select(limit)
        for key, _ in ready:
            chunk = os.read(key.fd, 1 << 16)
            if key.data == "log":
                self._logged += len(chunk)
                self._log = (self._log + chunk)[-_TAIL:]
                if not chunk:
                    self._streams.unregister(key.fileobj)
            elif chunk:
                self._lines += chunk
            else:
                self._ended(what)
        return bool(ready)

    def _ended(self, what: str) -> NoReturn:
        self._kill()  # before the wait: afterwards its number may belong to another process
        code = self._process.returncode
        if code == -signal.SIGKILL:
            self._die(f"the program closed its standard output during {what}, or was {exit_reason(code)}")
        self._die(f"the program ended during {what} ({exit_reason(code)})")

    def _die(self, reason: str) -> NoReturn:
        self._kill()
        self.dead = self.with_log(reason)
        raise ProcessError(self.dead)

    def _kill(self) -> None:
        if self._process.returncode is not None:
            return
        self.end()
        self._process.wait()
        self._guard.release()
        self._drain_log()
        self._streams.close()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def _drain_log(self) -> None:
        """Read the rest of standard error, which the pipe still holds after the program has ended."""
        assert self._process.stderr is not None
        if self._process.stderr.closed:
            return
        with contextlib.suppress(BlockingIOError):
            for _ in range(_CHUNKS):
                self._log = (self._log + os.read(self._process.stderr.fileno(), 1 << 16))[-_TAIL:]


def quoted(line: bytes, *, letters: int = 80) -> str:
    """The beginning of a line, printable, for an error message."""
    text = _printable(line.decode("utf-8", "replace").split("\n")[0])
    return repr(text if len(text) <= letters else text[:letters] + "…")


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text.strip())


def _words(command: str | Sequence[str]) -> list[str]:
    try:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
    except ValueError as error:
        raise ProcessError(f"the command {command!r} cannot be split into words: {error}; close its quotes") from None
    if not words:
        raise ProcessError("the command is empty; name a program and its arguments")
    if os.name != "posix":
        raise ProcessError("programs are judged on POSIX systems only; run the suite on Linux or macOS")
    return words


def _start(words: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ProcessError(f"cannot start {words[0]!r}: {reason}; name a program that can be run") from None
