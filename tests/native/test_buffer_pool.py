"""The buffer pool uses memory again after the last array on it is gone, and not before."""

import numpy as np

from peerspec import native
from peerspec.native.buffer_pool import _idle, pooled

ROWS, WIDTH = 3000, 128  # large enough to be pooled


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def test_memory_is_used_again_after_the_last_view_is_gone() -> None:
    array = pooled((ROWS, WIDTH), np.dtype(np.float32))
    first, view = address(array), array[5:].T[3:]
    assert first % 64 == 0
    del array
    other = pooled((ROWS, WIDTH), np.dtype(np.float32))
    assert not np.shares_memory(other, view)
    del view
    assert address(pooled((ROWS + 9, WIDTH // 2), np.dtype(np.float64))) == first


def test_memory_that_does_not_fit_is_freed() -> None:
    small = pooled((ROWS, WIDTH), np.dtype(np.float32))
    del small
    assert _idle
    large = pooled((4 * ROWS, WIDTH), np.dtype(np.float32))
    assert not _idle
    del large
    assert len(_idle) == 1


def test_sums_into_used_memory_are_the_same() -> None:
    rng = np.random.default_rng(0)
    by_row = native.sort_ids(np.arange(ROWS, dtype=np.int64)[:, None], ROWS)
    weights, x = rng.standard_normal((ROWS, 1)), rng.standard_normal((ROWS, WIDTH))
    first = native.scatter_sum(by_row, weights, x)
    before, want = address(first), first.tobytes()
    first[:] = np.nan
    del first
    again = native.scatter_sum(by_row, weights, x)
    assert address(again) == before
    assert again.tobytes() == want
