"""Tensors in safetensors bytes as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize

from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.header import parse_header

__all__ = ["parse_tensors"]


def parse_tensors(data: bytes) -> dict[str, NDArray[Any]]:
    """The tensors in the bytes of a safetensors file, by name, copied.

    Raises:
        SafetensorError, ValueError: the bytes are not safetensors, or their header gives a name twice.
        KeyError: a dtype is not in ``DTYPE_OF_CODE``; the argument is its code.
    """
    found: list[tuple[str, dict[str, Any]]] = deserialize(data)  # type: ignore[no-untyped-call]
    length = int.from_bytes(data[:8], "little")
    parse_header(data[8 : 8 + length], 8 + length)
    return {name: _array(entry) for name, entry in found}


def _array(entry: dict[str, Any]) -> NDArray[Any]:
    dtype = DTYPE_OF_CODE[entry["dtype"]]
    flat: NDArray[Any] = np.frombuffer(entry["data"], np.uint8)
    if dtype == np.bool_:
        return (flat != 0).reshape(entry["shape"])
    return flat.view(dtype).reshape(entry["shape"])
