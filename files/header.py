"""The header of a safetensors file: its metadata, and where each tensor lies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO

from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.shown import shown
from peerspec.files.strict_json import parse_json

__all__ = ["Header", "TensorEntry", "parse_header", "read_header"]

_MAX_LENGTH = 100_000_000
"""The longest header that the format's library reads, in bytes."""


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a file.

    Attributes:
        code: the name that the format gives to its dtype.
        shape: its shape.
        start: the position of its first byte in the file.
        stop: the position behind its last byte.
    """

    code: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """The metadata of a file and its tensors by name."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, TensorEntry]

    @cached_property
    def names(self) -> list[str]:
        """The names of the tensors in order."""
        return sorted(self.tensors)


def read_header(file: BinaryIO) -> Header:
    """The header of an open file, checked against the definition of the format and the length of the file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a safetensors file, or its header gives a name twice.
    """
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > size - 8 or length > _MAX_LENGTH:
        raise ValueError(f"its first 8 bytes give no length of a header in a file of {size} bytes")
    text = file.read(length)
    if not text.startswith(b"{"):
        raise ValueError(f"its header begins with {text[:1]!r}, not with a brace")
    header = parse_header(text, 8 + length)
    _check_places(header, 8 + length, size)
    return header


def parse_header(text: bytes, data_start: int) -> Header:
    """The header in the JSON ``text``, of a file whose numbers begin at ``data_start``.

    The library of the format keeps the last of two equal names, so this refuses them.

    Raises:
        ValueError: a name is given twice, or the text is no such header.
    """
    entries = parse_json(text)
    metadata = entries.pop("__metadata__", None) or {}
    if not _is_texts(metadata):
        raise ValueError("its __metadata__ are not texts by name")
    return Header(metadata, {name: _entry(name, entry, data_start) for name, entry in entries.items()})


def _is_texts(metadata: object) -> bool:
    return isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values())


def _entry(name: str, entry: Any, data_start: int) -> TensorEntry:
    try:
        code, shape, (start, stop) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"the tensor {shown(name)} lacks a dtype, a shape or two data_offsets") from None
    numbers = (*shape, start, stop)
    if len(entry) != 3 or not isinstance(code, str) or any(type(each) is not int or each < 0 for each in numbers):
        raise ValueError(f"the dtype, shape or data_offsets of the tensor {shown(name)} are none")
    return TensorEntry(code, shape, data_start + start, data_start + stop)


def _check_places(header: Header, data_start: int, size: int) -> None:
    """Check that the tensors fill the rest of the file one after another, each with as many bytes as its shape says."""
    end = data_start
    for name, entry in sorted(header.tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != end or entry.stop < entry.start:
            raise ValueError(f"the tensor {shown(name)} does not begin where the one before it ends")
        dtype = DTYPE_OF_CODE.get(entry.code)
        if dtype and entry.stop - entry.start != _count(entry.shape) * dtype.itemsize:
            raise ValueError(f"the tensor {shown(name)} has not as many bytes as its shape says")
        end = entry.stop
    if end != size:
        raise ValueError(f"its tensors end at byte {end}, the file at {size}")


def _count(shape: tuple[int, ...]) -> int:
    """The number of entries, or any number that no file can hold."""
    count = 1
    for length in shape:
        count *= length
        if count >= 1 << 64:
            break
    return count
