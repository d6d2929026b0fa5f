"""A message between the suite and a worker: a value in JSON, then arrays in safetensors. Nothing in it is executed.

Its first 16 bytes are the lengths of the two parts, little-endian. The arrays have numbers for names in safetensors;
their own names are in the JSON, because a backend may give them any.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from peerspec.backends.process.tensors import SIZE_LIMIT, parse_answer
from peerspec.files.strict_json import parse_json

__all__ = ["VALUE_LIMIT", "WireError", "read_message", "write_message"]

Array = NDArray[Any]

VALUE_LIMIT = 1 << 20
"""The longest JSON of a reply, in bytes; the longest of the suite's own backends has a few hundred."""


class WireError(ValueError):
    """The bytes are no message."""


def write_message(stream: BinaryIO, value: Any, arrays: Mapping[str, Array]) -> None:
    """Write a value that JSON can hold, and arrays by name.

    Raises:
        OSError: the other process reads no more.
    """
    message = json.dumps({"value": value, "names": list(arrays)}, ensure_ascii=False)
    text = message.encode("utf-8", "replace")  # a text of a backend may hold half of a surrogate pair
    data = save({str(number): np.asarray(array, order="C") for number, array in enumerate(arrays.values())})
    for part in (len(text).to_bytes(8, "little"), len(data).to_bytes(8, "little"), text, data):
        stream.write(part)
    stream.flush()


def read_message(stream: BinaryIO, *, limited: bool = False) -> tuple[Any, dict[str, Array]]:
    """Read a value and arrays by name.

    Args:
        stream: a stream of bytes.
        limited: whether a message of more than ``VALUE_LIMIT`` and ``SIZE_LIMIT`` bytes is refused.

    Raises:
        EOFError: the stream ends.
        OSError: it cannot be read.
        WireError: the bytes are no message.
    """
    lengths = [int.from_bytes(_exactly(stream, 8), "little") for _ in range(2)]
    if limited and (lengths[0] > VALUE_LIMIT or lengths[1] > SIZE_LIMIT):
        raise WireError(f"it has {sum(lengths)} bytes; at most {VALUE_LIMIT} and {SIZE_LIMIT} of arrays are read")
    text, data = (_exactly(stream, length) for length in lengths)
    try:
        message, found = parse_json(text), parse_answer(data)
        value, names = message["value"], message["names"]
        return value, {_name(name): found[str(number)] for number, name in enumerate(names)}
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise WireError(f"it cannot be read: {error}") from None


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise WireError("the name of an array is no text")
    return name


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data
