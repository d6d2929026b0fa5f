"""The header of a safetensors file: its metadata, and where each tensor lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from peerspec.files.strict_json import parse_json

__all__ = ["Header", "TensorEntry", "parse_header", "read_header"]


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a file.

    Attributes:
        code: the name that the format gives to its dtype.
        shape: its shape.
        start: the position of its first byte in the file.
    """

    code: str
    shape: tuple[int, ...]
    start: int


@dataclass(frozen=True)
class Header:
    """The metadata of a file and its tensors by name."""

    metadata: dict[str, str]
    tensors: dict[str, TensorEntry]


def read_header(path: Path) -> Header:
    """The header of the file at ``path``, after the format's library has checked it and the length of the file.

    Raises:
        OSError: the file cannot be read.
        SafetensorError, ValueError: it is not a safetensors file, or its header gives a name twice.
    """
    with safe_open(path, framework="numpy"):
        pass
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        return parse_header(file.read(length), 8 + length)


def parse_header(text: bytes, data_start: int) -> Header:
    """The header in the JSON ``text``, of a file whose numbers begin at ``data_start``.

    The library of the format keeps the last of two equal names, so this refuses them.

    Raises:
        ValueError: a name is given twice.
    """
    entries: dict[str, Any] = parse_json(text)
    metadata = entries.pop("__metadata__", None) or {}
    return Header(metadata, {name: _entry(entry, data_start) for name, entry in entries.items()})


def _entry(entry: dict[str, Any], data_start: int) -> TensorEntry:
    return TensorEntry(entry["dtype"], tuple(entry["shape"]), data_start + entry["data_offsets"][0])
