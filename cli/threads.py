"""Threads that cannot be started, and threads that still compute when the command ends."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from contextlib import suppress
from typing import NoReturn

__all__ = ["TOO_LITTLE", "can_start", "is_from_start", "leave", "load_numpy_with_one"]

TOO_LITTLE = (
    "the system gives this process too little memory or too few threads; raise the limits that `ulimit -a` shows, or "
    "set OPENBLAS_NUM_THREADS=1"
)

_BLAS = "OPENBLAS_NUM_THREADS"


def can_start() -> bool:
    """Whether the system starts one more thread."""
    thread = threading.Thread(target=bool, daemon=True)
    try:
        thread.start()
    except (RuntimeError, MemoryError):
        return False
    thread.join()
    return True


def load_numpy_with_one() -> None:
    """Load NumPy so that it computes with one thread, unless it is loaded, or the environment says otherwise.

    The matrices of the judge are small, and threads that wait for the next one keep processors from the backend. The
    environment stays as it was for the processes of backends.
    """
    if "numpy" in sys.modules or _BLAS in os.environ:
        return
    os.environ[_BLAS] = "1"
    try:
        import numpy  # noqa: F401  # its library reads the environment once
    finally:
        del os.environ[_BLAS]


def is_from_start(error: BaseException | None) -> bool:
    """Whether the system refused to start a thread, also if what was open then failed to close.

    The memory for a thread may be there again when the error is told.
    """
    while error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        if isinstance(error, RuntimeError) and any(frame.f_code is threading.Thread.start.__code__ for frame in frames):
            return True
        error = error.__context__
    return False


def leave(status: int, *, at_once: bool) -> NoReturn:
    """End the process, at once if that is wanted, or if a call that nobody waits for any more still computes.

    Python ends such a thread by unwinding its stack, and a library in C++ within which it is then aborts the process.
    """
    if not at_once and not any(thread.daemon for thread in threading.enumerate()):
        sys.exit(status)
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):  # a pipe that nobody reads, or a closed stream
            stream.flush()
    os._exit(status)
