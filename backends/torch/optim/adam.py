"""Lazy Adam: Adam on the touched rows only.

m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², row ← row − lr · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε), t counting all steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array
from peerspec.backends.torch.gpu.limits import fits_update
from peerspec.backends.torch.huge_pages import in_huge_pages
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.operators import plain_operator
from peerspec.backends.torch.optim.optimiser import Optimiser, Params
from peerspec.backends.torch.optim.row_update import Operands, core_operands, no_result, update_by_library
from peerspec.reference import InputError

__all__ = ["LazyAdam"]


class LazyAdam(Optimiser):
    """Adam that updates only touched rows and their moments: another algorithm than Adam.

    In Adam all moments decay at every step and move a row long after a batch touched it. Here they change only when a
    batch touches the row. Biases are corrected by the number of all steps of the parameter. Where every row has a
    gradient, as a dense one has, the two algorithms are equal.

    Args:
        params, weight_decay, in_backward, process_group: see ``Optimiser``.
        lr, betas, eps: as in ``torch.optim.Adam``.

    Raises:
        InputError: a negative ``lr``, ``eps`` or ``weight_decay``, or ``betas`` outside [0, 1).

    Example:
        >>> from peerspec.backends.torch import PEER, PeerConfig
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4), sparse_gradients=True)
        >>> optimiser = LazyAdam(layer.experts.parameters(), lr=1e-3)
        >>> layer(torch.randn(3, 8)).square().sum().backward()
        >>> optimiser.step()
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        *,
        weight_decay: float = 0.0,
        in_backward: bool = False,
        process_group: torch.distributed.ProcessGroup | None = None,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults, in_backward=in_backward, process_group=process_group)

    def _check_options(self, group: dict[str, Any]) -> None:
        if group["eps"] < 0:
            raise InputError(f"eps must not be negative, got {group['eps']}")
        if not all(0 <= beta < 1 for beta in group["betas"]):
            raise InputError(f"betas must lie in [0, 1), got {group['betas']}")

    def _new_state(self, param: Tensor) -> dict[str, Tensor]:
        dtype = COMPUTE_DTYPES[param.dtype]
        first, second = (in_huge_pages(torch.empty_like(param, dtype=dtype)).zero_() for _ in range(2))
        return {"step": torch.zeros((), dtype=torch.int64), "exp_avg": first, "exp_avg_sq": second}

    def _update_rows(self, table: Tensor, gradient: Operands, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        moments = (state[name].view(table.shape) for name in ("exp_avg", "exp_avg_sq"))
        numbers = map(float, (group["lr"], *group["betas"], group["eps"]))
        _adam_rows(table, *moments, *gradient, *numbers, int(state["step"]) + 1)


def _by_library(
    table: Tensor,
    first: Tensor,
    second: Tensor,
    rows: Tensor,
    values: Tensor,
    factors: Sequence[Tensor],
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    step: int,
) -> None:
    def update(row_values: Tensor, gradient: Tensor, row_first: Tensor, row_second: Tensor) -> None:
        row_first.lerp_(gradient, 1 - beta1)
        row_second.lerp_(gradient.square(), 1 - beta2)
        scale = (1 - beta2**step) ** -0.5
        row_values.sub_(row_first / (row_second.sqrt() * scale + epsilon), alpha=rate / (1 - beta1**step))

    update_by_library(update, table, (first, second), rows, values, factors)


def _by_core(
    table: Tensor,
    first: Tensor,
    second: Tensor,
    rows: Tensor,
    values: Tensor,
    factors: Sequence[Tensor],
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    step: int,
) -> None:
    gradient, moments = core_operands(rows, values, factors), (to_array(first), to_array(second))
    options: dict[str, Any] = {"rate": rate, "betas": (beta1, beta2), "epsilon": epsilon, "step": step}
    native.adam_rows(to_array(table), *gradient, *moments, **options, threads=torch.get_num_threads())


def _by_gpu(*arguments: Any) -> None:
    from peerspec.backends.torch.gpu.rows import adam_rows

    adam_rows(*arguments)


_adam_rows = plain_operator(
    "adam_rows",
    "(Tensor(a0!) table, Tensor(a1!) first, Tensor(a2!) second, Tensor rows, Tensor values, Tensor[] factors, "
    "float rate, float beta1, float beta2, float epsilon, int step) -> ()",
    _by_library,
    no_result,
)
register_kernels(_adam_rows, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_update), tables=(0, 1, 2))
