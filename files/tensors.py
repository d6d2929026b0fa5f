"""Tensors in safetensors bytes as NumPy arrays, and the names that the format gives to dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize

from peerspec.files.header import parse_header

__all__ = ["DTYPE_OF_CODE", "parse_tensors"]

DTYPE_OF_CODE: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        "F64": np.dtype(np.float64),
        "F32": np.dtype(np.float32),
        "BF16": np.dtype(ml_dtypes.bfloat16),
        "F16": np.dtype(np.float16),
        "I64": np.dtype(np.int64),
        "I32": np.dtype(np.int32),
        "I16": np.dtype(np.int16),
        "I8": np.dtype(np.int8),
        "U64": np.dtype(np.uint64),
        "U32": np.dtype(np.uint32),
        "U16": np.dtype(np.uint16),
        "U8": np.dtype(np.uint8),
        "BOOL": np.dtype(np.bool_),
    }
)
"""The NumPy dtype of each safetensors dtype that ``parse_tensors`` reads."""


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
