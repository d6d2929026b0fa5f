"""Exact selection: the k best sums of two half scores of a token and head (SPEC.md, SEL-1 … SEL-7)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache

import triton
import triton.language as tl

from peerspec.backends.gpu.order import LAST, order_key, place_of, score_of
from peerspec.reference.selection import staircase_cells

__all__ = ["SelectionTiles", "select_kernel", "selection_tiles"]

_WORTH_GROUPS = 8
"""A row this many times as long as its answer is searched in groups."""


@dataclass(frozen=True)
class SelectionTiles:
    """The sizes of the tiles of ``select_kernel``, powers of two.

    Attributes:
        ranks: over min(k, n); as many of each half can be part of an answer.
        answers: over k.
        groups, members: a row of half scores as contiguous groups of ``members`` places.
        count: the cells of the staircase.
        cells: over ``count``, and at least ``answers``.
    """

    ranks: int
    answers: int
    groups: int
    members: int
    count: int
    cells: int

    def constants(self) -> dict[str, int]:
        """The constants of ``select_kernel``."""
        return {name.upper(): size for name, size in asdict(self).items()}


@cache
def selection_tiles(n: int, k: int) -> SelectionTiles:
    """Tiles for k of n² experts.

    Of the places of a row, those in the ``ranks`` groups with the largest maxima hold the ``ranks`` best. A group of m
    places costs one maximum for each of n/m groups and then m candidates for each rank; m grows while that shrinks.
    """
    ranks, answers = _power(min(k, n)), _power(k)
    width, members = max(ranks, triton.next_power_of_2(n)), 1
    if width >= _WORTH_GROUPS * ranks:
        members = 2
        while width // (2 * members) >= ranks and width // (2 * members) + ranks * members <= width // members:
            members *= 2
    count = len(staircase_cells(k, n)[0])
    cells = max(answers, triton.next_power_of_2(count))
    return SelectionTiles(ranks, answers, width // members, members, count, cells)


def _power(count: int) -> int:
    """The power of two over a count, at least 2: Triton 3.6 has no ``topk`` of one."""
    return max(2, triton.next_power_of_2(count))


@triton.jit
def _leading(row, inside, N: tl.constexpr, RANKS: tl.constexpr, GROUPS: tl.constexpr, MEMBERS: tl.constexpr):
    """The keys of the RANKS best of rows of n half scores, best first; ``row`` points to the first number of each.

    Groups are contiguous: of two with equal maxima the first holds the lower places, as the selection order wants it.
    """
    group = tl.arange(0, GROUPS)
    if MEMBERS == 1:
        there = (group < N)[None, :] & inside[:, None]
        score = tl.load(row[:, None] + group[None, :], mask=there, other=0.0)
        return tl.topk(tl.where(there, order_key(score, group[None, :]), LAST), RANKS)
    else:
        WIDTH: tl.constexpr = 4 if MEMBERS % 4 == 0 else 2
        best = tl.full((row.shape[0], GROUPS, WIDTH), float("-inf"), tl.float32)
        for first in tl.static_range(0, MEMBERS, WIDTH):
            place = (group * MEMBERS + first)[:, None] + tl.arange(0, WIDTH)[None, :]
            there = (place < N)[None, :, :] & inside[:, None, None]
            score = tl.load(row[:, None, None] + place[None, :, :], mask=there, other=float("-inf"))
            best = tl.maximum(best, score)
        groups = tl.topk(order_key(tl.max(best, 2), group[None, :]), RANKS)
        place = (place_of(groups) * MEMBERS)[:, :, None] + tl.arange(0, MEMBERS)[None, None, :]
        there = (place < N) & inside[:, None, None]
        score = tl.load(row[:, None, None] + place, mask=there, other=0.0)
        key = tl.where(there, order_key(score, place), LAST)
        return tl.topk(tl.reshape(key, (row.shape[0], RANKS * MEMBERS)), RANKS)


@triton.jit
def _ranks_of_cells(N: tl.constexpr, K: tl.constexpr, RANKS: tl.constexpr, COUNT: tl.constexpr, CELLS: tl.constexpr):
    """The ranks a and b of each cell of the staircase, (a+1)(b+1) ≤ k, row by row; 0 and 0 behind the last cell."""
    cell = tl.arange(0, CELLS)
    row, start = tl.zeros((CELLS,), tl.int32), tl.zeros((CELLS,), tl.int32)
    end = 0
    for rank in tl.static_range(RANKS):
        if rank < N:
            end += N if K // (rank + 1) > N else K // (rank + 1)
        behind = cell >= end
        row += behind.to(tl.int32)
        start = tl.where(behind, end, start)
    return tl.where(cell < COUNT, row, 0), tl.where(cell < COUNT, cell - start, 0)


@triton.jit(do_not_specialize=["rows"])
def select_kernel(
    halves,
    scores,
    ids,
    rows,
    N: tl.constexpr,
    K: tl.constexpr,
    KEY_HEADS: tl.constexpr,
    RANKS: tl.constexpr,
    ANSWERS: tl.constexpr,
    GROUPS: tl.constexpr,
    MEMBERS: tl.constexpr,
    COUNT: tl.constexpr,
    CELLS: tl.constexpr,
    ROWS: tl.constexpr,
):
    """The k best sums of two half scores, best first; programs along rows and along key heads.

    Args:
        halves: half scores [H_k, 2, rows, n], float32.
        scores, ids: [rows, H_k, k], float32 and int64.
        ROWS: rows of a program, which takes both halves of each as one tile.
    """
    pair = tl.arange(0, 2 * ROWS)
    half = pair % 2
    row = tl.program_id(0).to(tl.int64) * ROWS + pair // 2
    key_head = tl.program_id(1).to(tl.int64)
    first = halves + ((key_head * 2 + half) * rows.to(tl.int64) + row) * N
    best = _leading(first, row < rows, N, RANKS, GROUPS, MEMBERS)

    cell = tl.arange(0, CELLS)
    rows_of_cells, columns = _ranks_of_cells(N, K, RANKS, COUNT, CELLS)
    found = tl.gather(best, tl.where(half[:, None] == 0, rows_of_cells[None, :], columns[None, :]), 1)
    sums = tl.sum(tl.reshape(score_of(found), (ROWS, 2, CELLS)), 1)
    part = place_of(found).to(tl.int64) * tl.where(half == 0, N, 1)[:, None]
    ids_of_cells = tl.sum(tl.reshape(part, (ROWS, 2, CELLS)), 1)
    chosen = tl.topk(tl.where((cell < COUNT)[None, :], order_key(sums, cell[None, :]), LAST), ANSWERS)

    answer = tl.arange(0, ANSWERS)[None, :]
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
    inside = (answer < K) & (row < rows)
    out = (row * KEY_HEADS + key_head) * K + answer
    chosen_cell = tl.where(answer < K, place_of(chosen), 0)
    tl.store(scores + out, score_of(chosen), mask=inside)
    tl.store(ids + out, tl.gather(ids_of_cells, chosen_cell, 1), mask=inside)
