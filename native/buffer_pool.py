"""A buffer pool for gradients: a freed block is used for the next array that fits.

The system clears new memory page by page, at the first write to each page. For the gradients of a few thousand tokens
this takes as long as the sums themselves, and several times as long on a virtual machine. Successive calls mostly need
blocks of the same size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pooled"]

_MIN_BYTES = 1 << 20
"""The allocator itself pools blocks smaller than this."""
_CACHE_LINE = 64
_idle: dict[int, NDArray[np.uint8]] = {}
"""Blocks that no array uses, by address."""


def pooled(shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """An uninitialised array, aligned to cache lines. Its block returns to the pool after the last view is gone.

    If no idle block fits, all idle blocks are freed, so that the pool never exceeds the memory that was in use at once.
    """
    count = math.prod(shape)
    if (size := count * dtype.itemsize) < _MIN_BYTES:
        return np.empty(shape, dtype)
    memory: NDArray[np.uint8] = np.asarray(_Owner(_block(size)))
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def _block(size: int) -> NDArray[np.uint8]:
    """The smallest idle block that is large enough and not twice as large, else a new one that is slightly larger."""
    fitting = sorted(
        (len(block), at) for at, block in list(_idle.items()) if size <= len(block) - _CACHE_LINE <= 2 * size
    )
    for _, at in fitting:
        if (block := _idle.pop(at, None)) is not None:  # another thread may have taken it
            return block
    _idle.clear()
    return np.empty(size + size // 8 + _CACHE_LINE, np.uint8)


class _Owner:
    """Returns a block to the pool when the last array on it is gone.

    It is not an array, because NumPy lets views of views refer to the first array instead of their owner.
    """

    def __init__(self, block: NDArray[np.uint8]) -> None:
        self._block = block
        self._idle = _idle  # the module may lose the name when the interpreter ends

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._block.__array_interface__

    def __del__(self) -> None:
        self._idle[self._block.ctypes.data] = self._block
