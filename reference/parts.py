"""A layer file that several processes write, each its own part of the tables (PAR-6)."""

from __future__ import annotations

import json
import os
from math import prod
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.header import read_header
from peerspec.reference.config import PeerConfig
from peerspec.reference.dtypes import parameter_dtype
from peerspec.reference.file_metadata import layer_metadata

__all__ = ["begin", "open_parts"]

_CODES = {dtype: code for code, dtype in DTYPE_OF_CODE.items()}


def begin(config: PeerConfig, dtype: np.dtype[Any], stream: BinaryIO) -> None:
    """Write the header of a layer file of this dtype, and make the file as long as it will be, with zeros.

    Raises:
        OSError: the file cannot be written.
    """
    entries: dict[str, Any] = {"__metadata__": layer_metadata(config)}
    end = 0
    # wide dtypes first, so that every tensor begins at a multiple of its item
    dtypes = {name: parameter_dtype(name, dtype) for name in config.shapes()}
    for name in sorted(dtypes, key=lambda name: (-dtypes[name].itemsize, name)):
        start, end = end, end + prod(config.shapes()[name]) * dtypes[name].itemsize
        shape = list(config.shapes()[name])
        entries[name] = {"dtype": _CODES[dtypes[name]], "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)
    stream.flush()
    size = 8 + len(text) + end
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(
            stream.fileno(), 0, size
        )  # else a write to mapped memory would find no room, and end the process
    stream.truncate(size)


def open_parts(path: str | PathLike[str]) -> dict[str, NDArray[Any]]:
    """The parameters of a file from ``begin``, as arrays whose changes are written to the file.

    Raises:
        OSError: the file cannot be opened for writing.
    """
    with open(path, "r+b") as file:
        header = read_header(file)
        memory = np.memmap(file, np.uint8, "r+")
    return {
        name: memory[entry.start : entry.stop].view(DTYPE_OF_CODE[entry.code]).reshape(entry.shape)
        for name, entry in header.tensors.items()
    }
