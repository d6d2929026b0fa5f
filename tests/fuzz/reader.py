"""The process that reads the inputs: ``python -m tests.fuzz.reader``, one line of JSON for each question and answer.

It may die or hang, and its memory is limited; the attack then starts another one. What the package prints goes to a
file.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from peerspec.reference import PeerError
from tests.fuzz.found import Found, problem_of_text
from tests.fuzz.target import Target, Way

__all__ = ["MEMORY"]

MEMORY = 1 << 30
"""Bytes that the reader of a small file may take beyond those of the package itself."""
LAST = 3.0
"""Seconds that a process may take to end after the command that started it."""
_SUBREAPER = 36  # of Linux's prctl: orphans become children of this process


def main() -> None:
    """Answer questions until standard input closes."""
    from tests.fuzz.faults import FAULTS
    from tests.fuzz.targets import targets

    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    known = {target.name: target for target in (*targets(), FAULTS)}
    with tempfile.TemporaryFile() as printed:
        for number in (1, 2):
            os.dup2(printed.fileno(), number)
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SUBREAPER, 1)
        _limit_memory()
        for line in questions:
            found = _examined(json.loads(line), known, printed)
            answers.write(json.dumps(found and vars(found)).encode() + b"\n")
            answers.flush()


def _limit_memory() -> None:
    used = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
    limit = 1024 * int(used.split()[1]) + MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _examined(question: dict[str, str], known: dict[str, Target], printed: BinaryIO) -> Found | None:
    way = known[question["target"]].way(question["way"])
    printed.seek(0)
    printed.truncate()
    found = _read(way, Path(question["path"]))
    sys.stdout.flush()
    sys.stderr.flush()
    text = os.pread(printed.fileno(), 1 << 20, 0).decode("utf-8", "replace")
    if isinstance(found, int):
        found = problem_of_text(found, text)
    return _left_over() or found


def _read(way: Way, path: Path) -> Found | int:
    """What is wrong, else an exit status; 0 for a function."""
    try:
        return way.read(path) or 0
    except MemoryError as error:
        return Found("more memory than the limit", _place(error), str(error))
    except way.errors as error:
        return _unreadable(error) or 0
    except BaseException as error:
        return Found(type(error).__name__, _place(error), "".join(traceback.format_exception(error))[-3000:])


def _unreadable(error: BaseException) -> Found | None:
    """An error of the package must have a text."""
    silent = isinstance(error, PeerError) and not str(error).strip()
    return Found(f"{type(error).__name__} without a text", _place(error)) if silent else None


def _place(error: BaseException) -> str:
    """The innermost function of the package."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if str(frame.f_globals.get("__name__")).startswith("peerspec.")]
    frame = (own or frames)[-1]
    return f"{Path(frame.f_code.co_filename).name} in {frame.f_code.co_name}"


def _left_over() -> Found | None:
    """A process that still runs; it is ended."""
    end = time.monotonic() + LAST
    while _reaped() and time.monotonic() < end:
        time.sleep(0.02)
    left = _children()
    words = " and ".join(Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ") for pid in left)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return Found("a process that is left over", "", words) if left else None


def _children() -> list[int]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread that ended meanwhile
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def _reaped() -> bool:
    """Whether a child of this process still runs."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


if __name__ == "__main__":
    main()
