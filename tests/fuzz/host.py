"""The reader from outside: a question, an answer within a time, and another process after a death."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tests.fuzz.found import Found

__all__ = ["LIMIT", "Reader"]

ROOT = Path(__file__).parents[2]
LIMIT = 30.0
"""Seconds that one way of reading a small file may take on a busy machine."""


class Reader:
    """A process that reads inputs, started when it is needed.

    Attributes:
        limit: seconds for one answer.
    """

    def __init__(self, limit: float = LIMIT) -> None:
        self.limit, self._process = limit, None

    _process: subprocess.Popen[bytes] | None

    def read(self, target: str, way: str, path: Path) -> Found | None:
        """What is wrong with the way in which a file is read."""
        process = self._process = self._process or _started()
        assert process.stdin is not None
        question = json.dumps({"target": target, "way": way, "path": str(path)}).encode() + b"\n"
        with suppress(BrokenPipeError):
            process.stdin.write(question)
            process.stdin.flush()
        answer = _line(process, self.limit)
        if answer is None:
            self.close()
            return Found("a hang", "", f"no end within {self.limit:g} s")
        if not answer:
            status = process.wait()
            self.close()
            return Found(f"the process died: {status}")
        found = json.loads(answer)
        return Found(**found) if found else None

    def close(self) -> None:
        """End the process and what it started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in filter(None, (self._process.stdin, self._process.stdout)):
            with suppress(OSError):
                stream.close()
        self._process = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _started() -> subprocess.Popen[bytes]:
    """RuntimeWarnings are errors: the package computes with numbers of others, and must not warn of them."""
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "tests.fuzz.reader"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "100", "TERM": "dumb"}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=environment, start_new_session=True
    )


def _line(process: subprocess.Popen[bytes], limit: float) -> bytes | None:
    """The next line; empty at the end of the stream, None after the limit."""
    assert process.stdout is not None
    end, found = time.monotonic() + limit, b""
    while not found.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            return None
        part = os.read(process.stdout.fileno(), 1 << 16)
        if not part:
            return b""
        found += part
    return found
