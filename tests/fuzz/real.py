"""A real command line in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.fuzz.found import Found, problem_of_text

__all__ = ["read_for_real"]

LAST = 5.0
"""Seconds that what the command started may take to end after it."""


def read_for_real(arguments: Sequence[str], folder: Path, limit: float) -> Found | None:
    """What is wrong with ``peerspec arguments``, run in a folder; nothing if no command line can hold the arguments."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "peerspec", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
    except (ValueError, OSError):
        return None
    try:
        text, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return Found("a hang", "a real command", f"no end within {limit:g} s")
    return _left_over(process.pid) or problem_of_text(process.returncode, text.decode("utf-8", "replace"))


def _left_over(session: int) -> Found | None:
    """A process of the session of the command that still runs; it is ended."""
    end = time.monotonic() + LAST
    while (left := _processes(session)) and time.monotonic() < end:
        time.sleep(0.05)
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return Found("a process that is left over", "a real command", " ".join(map(str, left))) if left else None


def _processes(session: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found
