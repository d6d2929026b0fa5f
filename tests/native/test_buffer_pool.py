"""Memory of gradients is handed on when nobody holds it any more, and never before."""

import numpy as np

from peerspec import native
from peerspec.native.buffer_pool import _idle, pooled

ROWS, WIDTH = 3000, 128  # beyond the bytes from which memory is pooled


def place(array: np.ndarray) -> int:
    return array.ctypes.data


def test_memory_is_used_again_once_the_last_view_is_gone() -> None:
    array = pooled((ROWS, WIDTH), np.dtype(np.float32))
    first, view = place(array), array[5:].T[3:]
    assert first % 64 == 0
    del array
    other = pooled((ROWS, WIDTH), np.dtype(np.float32))
    assert not np.shares_memory(other, view)
    del view
    assert place(pooled((ROWS + 9, WIDTH // 2), np.dtype(np.float64))) == first


def test_memory_that_does_not_fit_goes_back_to_the_system() -> None:
    small = pooled((ROWS, WIDTH), np.dtype(np.float32))
    del small
    assert _idle
    large = pooled((4 * ROWS, WIDTH), np.dtype(np.float32))
    assert not _idle
    del large
    assert len(_idle) == 1


def test_sums_into_memory_that_was_used_before_are_the_same() -> None:
    rng = np.random.default_rng(0)
    by_row = native.sort_ids(np.arange(ROWS, dtype=np.int64)[:, None], ROWS)
    weights, x = rng.standard_normal((ROWS, 1)), rng.standard_normal((ROWS, WIDTH))
    first = native.scatter_sum(by_row, weights, x)
    before, want = place(first), first.tobytes()
    first[:] = np.nan
    del first
    again = native.scatter_sum(by_row, weights, x)
    assert place(again) == before
    assert again.tobytes() == want
