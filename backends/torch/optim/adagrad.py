"""Row-wise Adagrad: sum ← sum + mean(gradient²), row ← row − lr · gradient / (√sum + ε)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from peerspec import native as core
from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.optim.optimiser import Optimiser, Params
from peerspec.backends.torch.optim.row_update import Step
from peerspec.reference import InputError

__all__ = ["RowAdagrad"]


class RowAdagrad(Optimiser):
    """Adagrad with one number of state a row; on touched rows exactly what it is on all rows.

    Args:
        params, in_backward: see ``Optimiser``.
        lr: the learning rate.
        eps: keeps the first division finite.
    """

    def __init__(self, params: Params, lr: float = 1e-2, eps: float = 1e-10, *, in_backward: bool = False) -> None:
        super().__init__(params, {"lr": lr, "eps": eps}, in_backward=in_backward)

    def _check_options(self, group: dict[str, Any]) -> None:
        for name in ("lr", "eps"):
            if group[name] < 0:
                raise InputError(f"{name} must not be negative, got {group[name]}")

    def _new_state(self, param: Tensor) -> dict[str, Tensor]:
        return {"sum": param.new_zeros(param.shape[:-1], dtype=COMPUTE_DTYPES[param.dtype])}

    def _step(self, state: dict[str, Tensor], group: dict[str, Any]) -> _Step:
        return _Step(rate=float(group["lr"]), epsilon=float(group["eps"]), state=(state["sum"].view(-1),))


@dataclass(frozen=True, kw_only=True)
class _Step(Step):
    epsilon: float

    def by_core(self, table: NDArray[Any], touched: NDArray[Any], gradients: NDArray[Any] | core.FactoredRows) -> None:
        sums = self.state[0].numpy()
        options: dict[str, Any] = {"rate": self.rate, "epsilon": self.epsilon, "threads": torch.get_num_threads()}
        core.adagrad_rows(table, touched, gradients, sums, **options)

    def by_library(self, rows: Tensor, gradient: Tensor, *state: Tensor) -> None:
        sums = state[0].add_(gradient.square().mean(1))
        rows.sub_(gradient * (self.rate / (sums.sqrt() + self.epsilon))[:, None])
