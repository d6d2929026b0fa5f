"""Stochastic gradient descent, without momentum: row ← row − lr · gradient."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from peerspec import native as core
from peerspec.backends.torch.optim.optimiser import Optimiser, Params
from peerspec.backends.torch.optim.row_update import Step
from peerspec.reference import InputError

__all__ = ["RowSGD"]


class RowSGD(Optimiser):
    """Stochastic gradient descent; on touched rows exactly what it is on all rows.

    There is no momentum, which would move rows long after a batch touched them.

    Args:
        params, in_backward: see ``Optimiser``.
        lr: the learning rate.
    """

    def __init__(self, params: Params, lr: float = 1e-3, *, in_backward: bool = False) -> None:
        super().__init__(params, {"lr": lr}, in_backward=in_backward)

    def _check_options(self, group: dict[str, Any]) -> None:
        if group["lr"] < 0:
            raise InputError(f"lr must not be negative, got {group['lr']}")

    def _new_state(self, param: Tensor) -> dict[str, Tensor]:
        return {}

    def _step(self, state: dict[str, Tensor], group: dict[str, Any]) -> _Step:
        return _Step(rate=float(group["lr"]))


class _Step(Step):
    def by_core(self, table: NDArray[Any], touched: NDArray[Any], gradients: NDArray[Any] | core.FactoredRows) -> None:
        core.sgd_rows(table, touched, gradients, rate=self.rate, threads=torch.get_num_threads())

    def by_library(self, rows: Tensor, gradient: Tensor, *state: Tensor) -> None:
        rows.sub_(gradient, alpha=self.rate)
