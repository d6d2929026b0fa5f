"""Launches of the kernels: everything but the arrays, from sizes alone; torch and JAX add those.

A kernel takes its arrays, in the order of its arguments, then the numbers of the launch, then its constants by name.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import triton

from peerspec.backends.gpu.activations import ACTIVATIONS
from peerspec.backends.gpu.experts import expert_stage_backward_kernel, expert_stage_kernel, sum_parts_kernel
from peerspec.backends.gpu.pairs import mark_rows_kernel, write_rows_kernel
from peerspec.backends.gpu.parts import split_kernel
from peerspec.backends.gpu.router import query_gradient_kernel, sub_keys_kernel
from peerspec.backends.gpu.rows import finish_crossing_rows_kernel, scatter_sum_kernel
from peerspec.backends.gpu.selection import select_kernel, selection_tiles
from peerspec.backends.gpu.settings import Tiles, rows_tiles, selection_rows, stage_tiles

__all__ = [
    "Launch",
    "Optimiser",
    "Stage",
    "finish_crossing_rows",
    "mark_rows",
    "query_gradient",
    "scatter_sum",
    "select",
    "split",
    "sub_keys",
    "sum_blocks",
    "sum_parts",
    "write_rows",
]

_BLOCK = 1024
"""Numbers of a program that treats each on its own."""
_PAIRS = 256
"""Pairs of a program that looks for the beginnings of rows."""
_MOST_REGISTERS = 255
"""Of a thread, on all chips that run the kernels."""


class Launch(NamedTuple):
    """A launch without its arrays.

    Attributes:
        kernel: the Triton function.
        grid: the number of programs along each axis.
        numbers: what follows the arrays; int stands for int32 and float for float32.
        constants: the compile-time constants by name.
        warps: of a program.
        registers: of a thread, at most; where given, the compiler spills nothing to make room for a second program.
    """

    kernel: Any
    grid: tuple[int, ...]
    numbers: tuple[int | float, ...]
    constants: dict[str, Any]
    warps: int
    registers: int | None = None

    def options(self) -> dict[str, int]:
        """What Triton compiles with, beside the constants."""
        return {"num_warps": self.warps} | ({} if self.registers is None else {"maxnreg": self.registers})


class Stage(NamedTuple):
    """The sizes of an expert stage: of a batch, and of the tables."""

    tokens: int
    pairs: int
    d_model: int
    d_out: int
    glu: bool
    activation: str

    @property
    def parts(self) -> int:
        """The parts in which y and dx are summed."""
        return -(-self.pairs // self._tiles.per)

    def forward(self) -> Launch:
        """``expert_stage_kernel``."""
        return self._launch(expert_stage_kernel)

    def backward(self, *, needs_dx: bool) -> Launch:
        """``expert_stage_backward_kernel``."""
        return self._launch(expert_stage_backward_kernel, NEEDS_DX=needs_dx)

    @property
    def _tiles(self) -> Tiles:
        return stage_tiles(max(self.d_model, self.d_out), self.tokens, self.pairs)

    def _launch(self, kernel: Any, **more: Any) -> Launch:
        constants = {
            "K": self.pairs,
            "D": self.d_model,
            "M": self.d_out,
            "WIDTH_D": triton.next_power_of_2(self.d_model),
            "WIDTH_M": triton.next_power_of_2(self.d_out),
            "EXPERTS": self._tiles.rows,
            "PER": self._tiles.per,
            "ACTIVATION": ACTIVATIONS[self.activation],
            "GLU": self.glu,
        }
        return Launch(kernel, (self.tokens, self.parts), (self.tokens,), constants | more, self._tiles.warps)


class Optimiser(NamedTuple):
    """The numbers of an optimiser, as ``scatter_sum_kernel`` takes them."""

    rate: float = 0.0
    epsilon: float = 0.0
    beta1: float = 0.0
    beta2: float = 0.0
    correction: float = 0.0


def sum_parts(parts: int, count: int) -> Launch:
    """``sum_parts_kernel`` of arrays of ``count`` numbers."""
    return Launch(sum_parts_kernel, _blocks(count, _BLOCK), (count,), {"PARTS": parts, "BLOCK": _BLOCK}, 4)


def split(count: int, width: int) -> Launch:
    """``split_kernel``."""
    return Launch(split_kernel, _blocks(count, _BLOCK), (count,), {"WIDTH": width, "BLOCK": _BLOCK}, 4)


def select(n: int, k: int, rows: int, key_heads: int) -> Launch:
    """``select_kernel``."""
    tiles = selection_tiles(n, k)
    per, warps = selection_rows(n, k, rows)
    constants = {"N": n, "K": k, "KEY_HEADS": key_heads, **tiles.constants(), "ROWS": per}
    return Launch(select_kernel, (-(-rows // per), key_heads), (rows,), constants, warps)


def mark_rows(pairs: int) -> Launch:
    """``mark_rows_kernel``."""
    return Launch(mark_rows_kernel, _blocks(pairs, _PAIRS), (pairs,), {"BLOCK": _PAIRS}, 4)


def write_rows(pairs: int) -> Launch:
    """``write_rows_kernel``."""
    return Launch(write_rows_kernel, _blocks(pairs, _PAIRS), (pairs,), {"BLOCK": _PAIRS}, 4)


def sum_blocks(width: int, pairs: int) -> int:
    """The blocks of ``scatter_sum``, for each of which it needs two rows of room."""
    return -(-pairs // rows_tiles(width, pairs).per)


def scatter_sum(
    target: int, width: int, pairs: int, of_token: int, optimiser: Optimiser, *, scaled: bool = False
) -> Launch:
    """``scatter_sum_kernel``; ``of_token`` is the number of pairs of each token."""
    tiles = rows_tiles(width, pairs)
    constants = {"K": of_token, "EXPERTS": tiles.rows, **_row_constants(target, width, tiles, scaled)}
    grid, registers = (sum_blocks(width, pairs),), _MOST_REGISTERS if tiles.warps == 8 else None
    return Launch(scatter_sum_kernel, grid, (pairs, *optimiser), constants, tiles.warps, registers)


def finish_crossing_rows(target: int, width: int, pairs: int, optimiser: Optimiser, *, scaled: bool = False) -> Launch:
    """``finish_crossing_rows_kernel``; without programs where there is one block."""
    tiles = rows_tiles(width, pairs)
    grid = (sum_blocks(width, pairs) - 1,)
    constants = _row_constants(target, width, tiles, scaled)
    return Launch(finish_crossing_rows_kernel, grid, (pairs, *optimiser), constants, tiles.warps)


def query_gradient(tokens: int, heads: int, key_heads: int, n: int, k: int, half: int) -> Launch:
    """``query_gradient_kernel``."""
    constants = {
        **_head_constants(heads, key_heads, n, k),
        "HALF": half,
        "ANSWERS": triton.next_power_of_2(k),
        "WIDTH": triton.next_power_of_2(half),
    }
    return Launch(query_gradient_kernel, (tokens * heads, 2), (), constants, 1)


def sub_keys(pairs: int, heads: int, key_heads: int, n: int, k: int) -> Launch:
    """``sub_keys_kernel``."""
    constants = {**_head_constants(heads, key_heads, n, k), "BLOCK": _BLOCK}
    return Launch(sub_keys_kernel, _blocks(pairs, _BLOCK), (pairs,), constants, 4)


def _head_constants(heads: int, key_heads: int, n: int, k: int) -> dict[str, int]:
    return {"HEADS": heads, "KEY_HEADS": key_heads, "N": n, "K": k}


def _row_constants(target: int, width: int, tiles: Tiles, scaled: bool) -> dict[str, int]:
    width_over = triton.next_power_of_2(width)
    return {"D": width, "WIDTH": width_over, "BLOCK": tiles.per, "TARGET": target, "SCALED": scaled}


def _blocks(count: int, block: int) -> tuple[int]:
    return (-(-count // block),)
