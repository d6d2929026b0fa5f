"""Memory for gradients, kept from one call to the next.

A system clears memory before it gives it away, page by page as it is first written to; for the gradients of some
thousand tokens that takes as long as summing them, and several times as long where the machine is a virtual one. So
what nobody holds any more is kept for the next call, which most often asks for the same again.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pooled"]

_LEAST = 1 << 20
"""Bytes below which the allocator keeps memory by itself."""
_LINE = 64
_idle: dict[int, NDArray[np.uint8]] = {}
"""Blocks that nobody holds, by their address."""


def pooled(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An array to fill, aligned to cache lines; once it and its views are gone its memory is kept for the next one.

    Where nothing that is kept fits, all of it goes back to the system: never more is kept than was held at once.
    """
    count = math.prod(shape)
    if (size := count * dtype.itemsize) < _LEAST:
        return np.empty(shape, dtype)
    memory: NDArray[np.uint8] = np.asarray(_Lent(_block(size)))
    start = -memory.ctypes.data % _LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def _block(size: int) -> NDArray[np.uint8]:
    """The smallest block that is large enough and not twice as large, else a new one with room for a bit more."""
    fit = sorted((len(block), place) for place, block in list(_idle.items()) if size <= len(block) - _LINE <= 2 * size)
    for _, place in fit:
        if (block := _idle.pop(place, None)) is not None:  # another thread may have taken it
            return block
    _idle.clear()
    return np.empty(size + size // 8 + _LINE, np.uint8)


class _Lent:
    """A block as long as an array on it lives; NumPy would let views of views skip an owner that is an array."""

    def __init__(self, block: NDArray[np.uint8]) -> None:
        self._block = block
        self._idle = _idle  # which may be gone from the module when the interpreter ends

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._block.__array_interface__

    def __del__(self) -> None:
        self._idle[self._block.ctypes.data] = self._block
