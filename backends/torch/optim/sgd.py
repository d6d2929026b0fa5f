"""Stochastic gradient descent without momentum: row ← row − lr · gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import to_array
from peerspec.backends.torch.gpu.limits import fits_update
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.operators import plain_operator
from peerspec.backends.torch.optim.optimiser import Optimiser, Params
from peerspec.backends.torch.optim.row_update import Operands, core_operands, no_result, update_by_library

__all__ = ["RowSGD"]


class RowSGD(Optimiser):
    """Stochastic gradient descent. A step on the touched rows equals a step on all rows.

    There is no momentum, because it would change a row long after a batch touched it.

    Args:
        params, weight_decay, in_backward, process_group: see ``Optimiser``.
        lr: the learning rate.

    Raises:
        InputError: a negative ``lr`` or ``weight_decay``.

    Example:
        >>> from peerspec.backends.torch import PEER, PeerConfig
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4), sparse_gradients=True)
        >>> optimiser = RowSGD(layer.experts.parameters(), lr=0.1)
        >>> layer(torch.randn(3, 8)).square().sum().backward()
        >>> optimiser.step()
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        *,
        weight_decay: float = 0.0,
        in_backward: bool = False,
        process_group: torch.distributed.ProcessGroup | None = None,
    ) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay}
        super().__init__(params, defaults, in_backward=in_backward, process_group=process_group)

    def _new_state(self, param: Tensor) -> dict[str, Tensor]:
        return {}

    def _update_rows(self, table: Tensor, gradient: Operands, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        _sgd_rows(table, *gradient, float(group["lr"]))


def _by_library(table: Tensor, rows: Tensor, values: Tensor, factors: Sequence[Tensor], rate: float) -> None:
    def update(row_values: Tensor, gradient: Tensor) -> None:
        row_values.sub_(gradient, alpha=rate)

    update_by_library(update, table, (), rows, values, factors)


def _by_core(table: Tensor, rows: Tensor, values: Tensor, factors: Sequence[Tensor], rate: float) -> None:
    gradient = core_operands(rows, values, factors)
    native.sgd_rows(to_array(table), *gradient, rate=rate, threads=torch.get_num_threads())


def _by_gpu(*arguments: Any) -> None:
    from peerspec.backends.torch.gpu.rows import sgd_rows

    sgd_rows(*arguments)


_sgd_rows = plain_operator(
    "sgd_rows",
    "(Tensor(a0!) table, Tensor rows, Tensor values, Tensor[] factors, float rate) -> ()",
    _by_library,
    no_result,
)
register_kernels(_sgd_rows, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_update), tables=(0,))
