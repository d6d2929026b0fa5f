"""A part of the selection kernel alone."""

from __future__ import annotations

import triton
import triton.language as tl

from peerspec.backends.gpu.selection import _ranks_of_cells


@triton.jit
def ranks_kernel(
    found, N: tl.constexpr, K: tl.constexpr, RANKS: tl.constexpr, COUNT: tl.constexpr, CELLS: tl.constexpr
):
    """The ranks of all cells, [2, CELLS]."""
    a, b = _ranks_of_cells(N, K, RANKS, COUNT, CELLS)
    tl.store(found + tl.arange(0, CELLS), a)
    tl.store(found + CELLS + tl.arange(0, CELLS), b)
