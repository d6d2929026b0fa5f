"""One step of an algorithm on some rows of a table, by the native core where it serves, else by library operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from peerspec import native as core
from peerspec.backends.torch import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array
from peerspec.backends.torch.optim.gradient import RowGradient, Rows, summed
from peerspec.backends.torch.rows import BUDGET

__all__ = ["Step", "update_rows"]


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """A step with its numbers.

    Attributes:
        state: what the algorithm remembers of each row, tables [N, width] or vectors [N] in the compute dtype.
        rate: the learning rate.
    """

    rate: float
    state: tuple[Tensor, ...] = ()

    @abstractmethod
    def by_core(self, table: NDArray[Any], touched: NDArray[Any], gradients: NDArray[Any] | core.FactoredRows) -> None:
        """Update a table, and the state, by the native core."""

    @abstractmethod
    def by_library(self, rows: Float[Tensor, "R width"], gradient: Float[Tensor, "R width"], *state: Tensor) -> None:
        """Update rows in the compute dtype, and their state, in place."""


def update_rows(step: Step, table: Float[Tensor, "N width"], gradient: RowGradient) -> None:
    """Change the rows of the table that have a gradient, and no other."""
    if native.is_supported(table.device, table):
        step.by_core(to_array(table), *_for_core(gradient))
    else:
        _by_library(step, table, summed(gradient))


def _for_core(gradient: RowGradient) -> tuple[NDArray[Any], NDArray[Any] | core.FactoredRows]:
    if isinstance(gradient, Rows):
        return to_array(gradient.rows), to_array(gradient.values)
    (rows, order, starts), weights, x = gradient
    by_row = core.Sorted(*(to_array(part) for part in (order, rows, starts)))
    return by_row.touched, core.FactoredRows(by_row, to_array(weights), to_array(x))


def _by_library(step: Step, table: Tensor, gradient: Rows) -> None:
    """Some rows at a time: gathered and widened, changed, and written back."""
    inner = COMPUTE_DTYPES[table.dtype]
    budget = BUDGET["cpu" if table.device.type == "cpu" else "other"]
    count = max(1, budget // (max(1, table.shape[1]) * inner.itemsize))
    for rows, values in zip(torch.split(gradient.rows, count), torch.split(gradient.values, count), strict=True):
        picked, state = table[rows].to(inner), [old[rows] for old in step.state]
        step.by_library(picked, values, *state)
        table.index_copy_(0, rows, picked.to(table.dtype))
        for old, new in zip(step.state, state, strict=True):
            old.index_copy_(0, rows, new)
