"""A file of JSON lines that grows while a run goes on, and from which an interrupted run goes on.

A process can end at any moment, so the last line may be incomplete; it is then left out. The first line says of which
run it is the journal.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from peerspec.files.limited import read_limited
from peerspec.files.strict_json import parse_json
from peerspec.reference import PeerError

__all__ = ["JournalError", "JournalFile"]

KIND, VERSION = "peerspec.journal", 1
"""The schema of the first line."""
_HALVES = re.compile(r"[\ud800-\udfff]")
"""Halves of surrogate pairs, as in a file name that is not UTF-8: JSON cannot hold them, so a line has escapes."""
_LIMIT = 1 << 28
"""The largest journal that is read, in bytes: a run of days."""


class JournalError(PeerError):
    """A file that is no journal of this run."""


class JournalFile:
    """A journal that is open for new rows.

    Args:
        path: the file; it is made if it does not exist.
        about: what must be the same when the run goes on, by name; texts only.
        read: called with each row that the file holds.
        warn: called with a sentence if a row cannot be written.

    Attributes:
        seconds: how long the parts of the run took that the file holds.

    Raises:
        JournalError: the file is the journal of another run, or no journal, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        about: Mapping[str, str],
        read: Callable[[dict[str, Any]], None],
        warn: Callable[[str], None] = warnings.warn,
    ) -> None:
        self._warn = warn
        self.path, self._lock, self._started = path, threading.Lock(), time.monotonic()
        self.seconds = 0.0
        about = {name: value.encode(errors="backslashreplace").decode() for name, value in about.items()}
        lines, length = _whole_lines(path)
        if lines:
            _require_same(path, _head(path, lines[0]), about)
        for number, line in enumerate(lines[1:], 2):
            self._read(line, number, read)
        try:
            self._stream = path.open("ab")
            self._stream.truncate(length)
        except OSError as error:
            raise JournalError(f"cannot write {path}: {error.strerror}; name another file") from None
        if not lines:
            try:
                self._append({"schema": {"name": KIND, "version": VERSION}, "about": dict(about)})
            except OSError as error:
                self.close()
                raise JournalError(f"cannot write {path}: {error.strerror}; name another file") from None

    def write(self, row: Mapping[str, Any]) -> None:
        """Add a row, with the seconds of the run so far; any thread may call it.

        The run is worth more than its journal: after a row that cannot be written, no other is.
        """
        with self._lock:
            if self._stream.closed:
                return
            try:
                self._append(dict(row) | {"seconds": round(self.seconds + time.monotonic() - self._started, 3)})
            except OSError as error:
                self.close()
                self._warn(f"cannot write {self.path}: {error.strerror}; the run goes on without its journal")

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):  # after a row that cannot be written
            self._stream.close()

    def remove(self) -> None:
        """Remove the file of a complete run; a link to it stays."""
        Path(os.path.realpath(self.path)).unlink(missing_ok=True)

    def _read(self, line: bytes, number: int, read: Callable[[dict[str, Any]], None]) -> None:
        try:
            row = parse_json(line)
            if not 0 <= (seconds := float(row["seconds"])) < math.inf:
                raise ValueError
            self.seconds = max(self.seconds, seconds)
            read(row)
        except (ValueError, KeyError, TypeError, AttributeError, PeerError) as error:
            kind = type(error).__name__
            raise JournalError(
                f"line {number} of {self.path} is damaged ({kind}); remove the file and begin again"
            ) from None

    def _append(self, row: dict[str, Any]) -> None:
        """Write a line that is on the disk when this returns, so that a loss of power leaves whole lines."""
        text = json.dumps(row, ensure_ascii=False, allow_nan=False)
        line = _HALVES.sub(lambda half: f"\\\\u{ord(half[0]):x}", text).encode() + b"\n"
        self._stream.write(line)
        self._stream.flush()
        os.fsync(self._stream.fileno())


def _whole_lines(path: Path) -> tuple[list[bytes], int]:
    """The lines that end with a line end, and the number of their bytes."""
    try:
        data = read_limited(path, _LIMIT)
    except FileNotFoundError:
        return [], 0
    except ValueError as error:
        raise JournalError(f"{path} is no journal: {error}; name another file") from None
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror}; name another file") from None
    length = data.rfind(b"\n") + 1
    if data and not length and not f'{{"schema": {{"name": "{KIND}"'.encode().startswith(data[:30]):
        raise _no_journal(path)
    return data[:length].splitlines(), length


def _head(path: Path, line: bytes) -> dict[str, str]:
    try:
        row = parse_json(line)
        schema, about = row["schema"], row["about"]
    except (ValueError, KeyError, TypeError):
        raise _no_journal(path) from None
    if schema != {"name": KIND, "version": VERSION} or not isinstance(about, dict):
        raise _no_journal(path)
    return dict(about)


def _no_journal(path: Path) -> JournalError:
    return JournalError(
        f"{path} is no journal of this version of peerspec; name another file, or one that is not there"
    )


def _require_same(path: Path, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Refuse the journal of another run, and name the first difference."""
    for name in dict.fromkeys((*new, *old)):
        if old.get(name) != new.get(name):
            raise JournalError(
                f"{path} is the journal of another run: {name} was {old.get(name, 'not given')}, now it is "
                f"{new.get(name, 'not given')}; run as before, or remove the file to begin again"
            )
