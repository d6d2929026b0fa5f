"""The generator of all inputs: a hash of (seed, name, index), mapped to dyadic rationals (INP-1, INP-2).

It needs 64-bit integers only, so any language can regenerate any entry.
"""

from __future__ import annotations

from functools import cache
from math import ldexp, prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["dyadic", "rounded", "significant_bits", "word"]

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1
_CHUNK = 1 << 20


def word(*, seed: int, name: str, index: int) -> int:
    """The 64-bit word of one entry (INP-1).

    >>> hex(word(seed=0, name="x", index=0))
    '0x5bc0edcb8475dca7'
    """
    return _scramble((_key(seed, name) + (index + 1) * _GOLDEN) & _MASK)


def dyadic(*, seed: int, name: str, shape: tuple[int, ...], bits: int, exponent: int, dtype: DTypeLike) -> NDArray[Any]:
    """The tensor of INP-2: multiples of 2^(exponent−bits+1) in [−2^exponent, 2^exponent).

    >>> dyadic(seed=0, name="x", shape=(3,), bits=3, exponent=2, dtype="float32").tolist()
    [-2.0, 3.0, -1.0]

    Raises:
        ValueError: ``bits`` is more than ``dtype`` holds, or less than 1.
    """
    dtype = np.dtype(dtype)
    if not 1 <= bits <= significant_bits(dtype):
        raise ValueError(
            f"bits must lie in 1..{significant_bits(dtype)} for {dtype}, got {bits}; give fewer bits or a wider dtype"
        )
    out = np.empty(prod(shape), dtype)
    key, unit = np.uint64(_key(seed, name)), ldexp(1.0, exponent - bits + 1)
    for start in range(0, out.size, _CHUNK):
        part = out[start : start + _CHUNK]
        index = np.arange(start + 1, start + 1 + part.size, dtype=np.uint64)
        r = (_scramble_array(key + index * np.uint64(_GOLDEN)) >> np.uint64(64 - bits)).astype(np.int64)
        part[:] = (r - (1 << (bits - 1))) * unit
    return out.reshape(shape)


def rounded(array: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """The entries rounded to ``dtype``, to nearest, ties to even (INP-2).

    In a mixed precision x and dy are those of float32, rounded to the dtype of the input.

    >>> rounded(np.array([1 + 2**-11, 1 + 3 * 2**-11], np.float32), "float16").tolist()
    [1.0, 1.001953125]
    """
    with np.errstate(over="ignore"):  # a token beyond the range of float16 becomes infinite, and is not judged
        return array.astype(dtype)


def significant_bits(dtype: DTypeLike) -> int:
    """The number of significant bits p of a dtype: 53, 24, 11 or 8."""
    return {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}[np.dtype(dtype).name]


@cache
def _key(seed: int, name: str) -> int:
    f = 0xCBF29CE484222325
    for byte in name.encode():
        f = (f ^ byte) * 0x100000001B3 & _MASK
    return _scramble((seed & _MASK) ^ f)


def _scramble(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & _MASK
    return z ^ (z >> 31)


def _scramble_array(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
