"""Lazy Adam: Adam of the touched rows alone.

m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², row ← row − lr · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε), t counting all steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from peerspec import native as core
from peerspec.backends.torch.arrays import COMPUTE_DTYPES
from peerspec.backends.torch.huge_pages import in_huge_pages
from peerspec.backends.torch.optim.optimiser import Optimiser, Params
from peerspec.backends.torch.optim.row_update import Step
from peerspec.reference import InputError

__all__ = ["LazyAdam"]


class LazyAdam(Optimiser):
    """Adam whose moments of a row rest while no batch touches it: another algorithm than Adam.

    Adam's moments decay at every step and move a row long after a batch touched it; here both wait for the next batch
    that does. Biases are corrected by the number of all steps of the parameter. Where every row has a gradient, as
    where it is dense, the two are one.

    Args:
        params, in_backward: see ``Optimiser``.
        lr, betas, eps: as of ``torch.optim.Adam``.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        in_backward: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps}, in_backward=in_backward)

    def _check_options(self, group: dict[str, Any]) -> None:
        for name in ("lr", "eps"):
            if group[name] < 0:
                raise InputError(f"{name} must not be negative, got {group[name]}")
        if not all(0 <= beta < 1 for beta in group["betas"]):
            raise InputError(f"betas must lie in [0, 1), got {group['betas']}")

    def _new_state(self, param: Tensor) -> dict[str, Tensor]:
        dtype = COMPUTE_DTYPES[param.dtype]
        first, second = (in_huge_pages(torch.empty_like(param, dtype=dtype)).zero_() for _ in range(2))
        return {"step": torch.zeros((), dtype=torch.int64), "exp_avg": first, "exp_avg_sq": second}

    def _step(self, state: dict[str, Tensor], group: dict[str, Any]) -> _Step:
        width = state["exp_avg"].shape[-1] if state["exp_avg"].ndim else 1
        moments = state["exp_avg"].view(-1, width), state["exp_avg_sq"].view(-1, width)
        return _Step(
            rate=float(group["lr"]),
            betas=group["betas"],
            epsilon=float(group["eps"]),
            step=int(state["step"]),
            state=moments,
        )


@dataclass(frozen=True, kw_only=True)
class _Step(Step):
    betas: tuple[float, float]
    epsilon: float
    step: int

    def by_core(self, table: NDArray[Any], touched: NDArray[Any], gradients: NDArray[Any] | core.FactoredRows) -> None:
        first, second = (moments.numpy() for moments in self.state)
        options: dict[str, Any] = {"rate": self.rate, "betas": self.betas, "epsilon": self.epsilon, "step": self.step}
        core.adam_rows(table, touched, gradients, first, second, **options, threads=torch.get_num_threads())

    def by_library(self, rows: Tensor, gradient: Tensor, *state: Tensor) -> None:
        (first, second), (beta1, beta2) = state, self.betas
        first.lerp_(gradient, 1 - beta1)
        second.lerp_(gradient.square(), 1 - beta2)
        rate, scale = self.rate / (1 - beta1**self.step), (1 - beta2**self.step) ** -0.5
        rows.sub_(first / (second.sqrt() * scale + self.epsilon), alpha=rate)
