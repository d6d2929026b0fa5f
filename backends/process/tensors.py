"""Tensors in files, to and from a program. A program's file is data: safetensors of a limited size, nothing else."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from peerspec.backends.process.errors import ProcessError
from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.tensors import parse_tensors

__all__ = ["SIZE_LIMIT", "SentFile", "parse_answer", "read_answer"]

Array = NDArray[Any]

SIZE_LIMIT = 1 << 30
"""The largest answer that is read, in bytes: 20 times the largest of the suite, gradients of a million experts."""
HEADER_LIMIT = 1 << 20
"""The longest header of an answer that is read, in bytes; the longest of the suite has some hundreds."""


@dataclass(frozen=True)
class SentFile:
    """A file that was sent to a program, and its content at that time: its bytes, their digest, and the tensors."""

    path: Path
    size: int
    digest: bytes
    tensors: Mapping[str, Array]

    @classmethod
    def write(cls, path: Path, tensors: Mapping[str, Array], metadata: dict[str, str] | None = None) -> SentFile:
        """Write a read-only file; ``tensors`` is kept for ``changed`` and must not change."""
        data = save({name: np.ascontiguousarray(array) for name, array in tensors.items()}, metadata)
        path.write_bytes(data)
        path.chmod(0o444)
        return cls(path, len(data), sha256(data).digest(), tensors)

    def changed(self) -> tuple[str, ...]:
        """The tensors that differ now in the file (IND-2)."""
        try:
            data = _bytes(self.path, "the program", self.size)
            if sha256(data).digest() == self.digest:
                return ()
            now = parse_answer(data)
        except (ProcessError, SafetensorError, KeyError, ValueError):
            return tuple(self.tensors)
        return tuple(name for name, array in self.tensors.items() if not _same(array, now.get(name)))


def read_answer(
    path: Path, what: str, *, required: Iterable[str], optional: Iterable[str] | None = ()
) -> dict[str, Array]:
    """The tensors of a file that a program wrote, of any shape and dtype.

    Args:
        path: the file.
        what: what wrote it.
        required: the names that it must have.
        optional: the other names that it may have; None for any.

    Raises:
        ProcessError: the file is missing, not a regular file, too large or not safetensors, or a name is missing or
            unknown.
    """
    data = _bytes(path, what, SIZE_LIMIT)
    try:
        tensors = parse_answer(data)
    except (SafetensorError, ValueError) as error:
        raise ProcessError(
            f"the file that {what} wrote is not safetensors ({error}); write the answer in that format"
        ) from None
    except KeyError as error:
        raise ProcessError(
            f"the file that {what} wrote has a tensor of format {error}; use one of {', '.join(DTYPE_OF_CODE)}"
        ) from None
    required = tuple(required)
    if missing := [name for name in required if name not in tensors]:
        raise ProcessError(f"the file that {what} wrote lacks the tensor {missing[0]!r}")
    if optional is not None and (unknown := sorted(tensors.keys() - {*required, *optional})):
        raise ProcessError(
            f"the file that {what} wrote has the unknown tensor {unknown[0]!r}; expected "
            f"{', '.join((*required, *optional))}"
        )
    return tensors


def parse_answer(data: bytes) -> dict[str, Array]:
    """The tensors in safetensors bytes, which may be any: their header has at most ``HEADER_LIMIT`` bytes.

    Raises:
        SafetensorError, ValueError, KeyError: as ``parse_tensors``.
    """
    if (length := int.from_bytes(data[:8], "little")) > HEADER_LIMIT:
        raise ValueError(f"its header has {length} bytes; at most {HEADER_LIMIT} are read")
    return parse_tensors(data)


def _bytes(path: Path, what: str, limit: int) -> bytes:
    try:
        # no link out of the folder, and no pipe that never ends
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ProcessError(f"{what} wrote no file at the path `answer` of its message") from None
    except OSError as error:
        raise ProcessError(f"the file that {what} wrote cannot be opened: {error.strerror}") from None
    try:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise ProcessError(f"what {what} wrote at the path `answer` is not a regular file")
        if about.st_size > limit:
            raise ProcessError(f"the file that {what} wrote has {about.st_size} bytes; at most {limit} are read")
        with open(handle, "rb", closefd=False) as file:
            return file.read(about.st_size)  # a read of the limit would take its memory
    finally:
        os.close(handle)


def _same(a: Array, b: Array | None) -> bool:
    return b is not None and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
