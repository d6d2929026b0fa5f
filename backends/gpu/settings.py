"""How the kernels are launched: tiles and warps by size. One table for all processes, because tiles order sums (IND-3).

The interpreter takes larger tiles, because there every program costs as much as a hundred rows.
"""

from __future__ import annotations

from typing import NamedTuple

import triton

from peerspec.backends.gpu.numbers import INTERPRETED

__all__ = ["Tiles", "rows_tiles", "selection_rows", "stage_tiles"]

_LONG_ROW, _MANY_RANKS = 2048, 32
"""Half scores and ranks that take the registers of more than one warp. Triton 3.6 cannot gather from fewer than 32
numbers with two warps, nor from 64 with four."""
_PROGRAMS = 1024
"""Programs that fill a chip."""


class Tiles(NamedTuple):
    """The tiles of a launch.

    Attributes:
        rows: rows in flight in a program.
        warps: of a program.
        per: pairs of a program; a multiple of ``rows``.
    """

    rows: int
    warps: int
    per: int


def stage_tiles(width: int, tokens: int, pairs: int) -> Tiles:
    """For the expert stage and its gradients: ``width`` is the larger of D and M, ``pairs`` those of a token."""
    if INTERPRETED:
        rows = min(16, triton.next_power_of_2(pairs))
        return Tiles(rows, 1, -(-pairs // rows) * rows)
    rows, warps = (8, 4) if width <= 256 else (4, 4) if width <= 1024 else (2, 8) if width <= 4096 else (1, 8)
    rows = min(rows, triton.next_power_of_2(pairs))
    # powers of two, so that few batches need another kernel
    parts = min(triton.next_power_of_2(-(-_PROGRAMS // max(1, tokens))), -(-pairs // rows))
    per = -(-pairs // parts)
    return Tiles(rows, warps, -(-per // rows) * rows)


def selection_rows(n: int, k: int, rows: int) -> tuple[int, int]:
    """For ``select_kernel``: the rows and warps of a program."""
    if INTERPRETED:
        return min(64, triton.next_power_of_2(max(1, rows))), 1
    large = (n > _LONG_ROW or k > _MANY_RANKS) and min(n, k) > _MANY_RANKS // 2
    return 1, 2 if large else 1


def rows_tiles(width: int, pairs: int) -> Tiles:
    """For ``scatter_sum_kernel``: ``per`` sorted pairs in a program; fewer where that fills the chip no longer."""
    if INTERPRETED:
        return Tiles(4, 1, 64)
    per = 8 if pairs <= 1 << 15 else 32 if pairs <= 1 << 17 else 256
    return Tiles(4 if width <= 256 else 2, 1 if width <= 256 else 4 if width <= 4096 else 8, per)
