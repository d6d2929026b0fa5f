"""Small files of other people, read whole, within a size and a time.

A file without end, or of gigabytes, is refused before memory runs out; a pipe that gives nothing, or never ends, is
refused after a while.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["LONGEST_WAIT", "read_limited"]

LONGEST_WAIT = 1_000_000.0
"""The longest time limit of anything, in seconds: 11 days; systems count a wait in milliseconds of 32 bits."""

_PART = 1 << 20
_WRITER_LIMIT = 10.0
"""Seconds until a program must have opened a named pipe for writing: a shell starts it at the same time."""
_PIPE_LIMIT = 600.0
"""Seconds until a pipe or a device must have ended: a run that writes its report to the pipe takes minutes."""
_LOOK = 0.05
"""Seconds between two looks whether there is a writer, and whether the time is over."""
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # opening must not wait for a writer


def read_limited(path: Path, limit: int) -> bytes:
    """The bytes of a file, or what a pipe gives, if they are at most ``limit``.

    Raises:
        OSError: the file cannot be read; a pipe has no writer, or does not end in time.
        ValueError: it is larger, or ``path`` cannot be a path: it holds a NUL, for example.
    """
    handle = os.open(path, _OPEN)
    try:
        about, data = os.fstat(handle), bytearray()
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if about.st_size > limit:
            raise _too_large(limit)
        for part in _parts(handle, about.st_mode, path):
            data += part
            if len(data) > limit:
                raise _too_large(limit)
    finally:
        os.close(handle)
    return bytes(data)


def _too_large(limit: int) -> ValueError:
    return ValueError(f"it has more than {limit} bytes; no more are read")


def _parts(handle: int, mode: int, path: Path) -> Iterator[bytes]:
    if not stat.S_ISREG(mode) and hasattr(select, "poll"):
        yield from _arriving(handle, path, is_pipe=stat.S_ISFIFO(mode))
        return
    while part := os.read(handle, _PART):
        yield part


def _arriving(handle: int, path: Path, *, is_pipe: bool) -> Iterator[bytes]:
    """The parts of a pipe or a device as they come.

    A pipe that nobody has opened for writing reads as empty, without the event that tells the end.
    """
    began, has_writer, events = time.monotonic(), not is_pipe, select.poll()
    events.register(handle, select.POLLIN)
    while True:
        _check_time(time.monotonic() - began, path, has_writer=has_writer)
        ended = any(event & select.POLLHUP for _, event in events.poll(1000 * _LOOK))
        try:
            part = os.read(handle, _PART)
        except BlockingIOError:
            has_writer = True
            time.sleep(_LOOK / 10)  # some systems do not wait for devices
            continue
        if not part and (ended or has_writer):
            return
        has_writer = has_writer or bool(part)
        yield part


def _check_time(seconds: float, path: Path, *, has_writer: bool) -> None:
    if not has_writer and seconds > _WRITER_LIMIT:
        why = f"it is a pipe, and no program has opened it for writing within {_WRITER_LIMIT:g} s"
    elif seconds > _PIPE_LIMIT:
        why = f"it is a pipe or a device that has not ended within {_PIPE_LIMIT:g} s"
    else:
        return
    raise TimeoutError(errno.ETIMEDOUT, why, str(path))
