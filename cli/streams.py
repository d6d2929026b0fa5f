"""Standard output and error that a command can always write to, so that it never loses its other results.

A reader that closes the pipe has seen enough, as ``head`` has. A full disk is an error, which is told at the end.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO, cast

__all__ = ["LastingFile", "lasting_streams"]


class LastingFile(io.FileIO):
    """The raw file of a stream: after a write that fails, it takes what comes and drops it.

    Attributes:
        failure: the first error of a write.
    """

    failure: OSError | None = None

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write bytes, or drop them."""
        if self.failure is None:
            try:
                return super().write(data)
            except BlockingIOError:
                raise
            except OSError as error:
                self.failure = error
        return len(data)


@contextmanager
def lasting_streams() -> Iterator[LastingFile | None]:
    """Replace the two streams while a command runs; gives the file of standard output.

    A stream stays as it is if a caller of Python has put something else in its place; without a file, None is given.
    """
    old = sys.stdout, sys.stderr
    out, err = _lasting(sys.stdout, sys.__stdout__), _lasting(sys.stderr, sys.__stderr__)
    sys.stdout, sys.stderr = out or sys.stdout, err or sys.stderr
    try:
        yield _raw(out) if out else None
    finally:
        for stream in filter(None, (out, err)):
            stream.flush()
        sys.stdout, sys.stderr = old


def _lasting(stream: TextIO | None, real: TextIO | None) -> io.TextIOWrapper | None:
    if not isinstance(stream, io.TextIOWrapper) or stream is not real:
        return None
    try:
        stream.flush()
        raw = LastingFile(stream.fileno(), "wb", closefd=False)
    except (OSError, ValueError):  # it is closed, or no file
        return None
    buffered = io.BufferedWriter(cast(io.RawIOBase, raw))
    return io.TextIOWrapper(buffered, stream.encoding, "replace", line_buffering=stream.line_buffering)


def _raw(stream: io.TextIOWrapper) -> LastingFile | None:
    raw = stream.buffer.raw if isinstance(stream.buffer, io.BufferedWriter) else None
    return raw if isinstance(raw, LastingFile) else None
