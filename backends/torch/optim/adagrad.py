"""Row-wise Adagrad: sum ← sum + mean(gradient²), row ← row − lr · gradient / (√sum + ε)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import COMPUTE_DTYPES, to_array
from peerspec.backends.torch.gpu.limits import fits_update
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.operators import plain_operator
from peerspec.backends.torch.optim.optimiser import Optimiser, Params
from peerspec.backends.torch.optim.row_update import Operands, core_operands, no_result, update_by_library
from peerspec.reference import InputError

__all__ = ["RowAdagrad"]


class RowAdagrad(Optimiser):
    """Adagrad with one number of state per row. A step on the touched rows equals a step on all rows.

    Args:
        params, weight_decay, in_backward, process_group: see ``Optimiser``.
        lr: the learning rate.
        eps: keeps the first division finite.

    Raises:
        InputError: a negative ``lr``, ``eps`` or ``weight_decay``.

    Example:
        >>> from peerspec.backends.torch import PEER, PeerConfig
        >>> layer = PEER(PeerConfig(d_model=8, heads=2, num_experts=16, top_k=4, d_key=4), sparse_gradients=True)
        >>> optimiser = RowAdagrad(layer.experts.parameters(), lr=0.1)
        >>> layer(torch.randn(3, 8)).square().sum().backward()
        >>> optimiser.step()
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        eps: float = 1e-10,
        *,
        weight_decay: float = 0.0,
        in_backward: bool = False,
        process_group: torch.distributed.ProcessGroup | None = None,
    ) -> None:
        defaults = {"lr": lr, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults, in_backward=in_backward, process_group=process_group)

    def _check_options(self, group: dict[str, Any]) -> None:
        if group["eps"] < 0:
            raise InputError(f"eps must not be negative, got {group['eps']}")

    def _new_state(self, param: Tensor) -> dict[str, Tensor]:
        return {"sum": param.new_zeros(param.shape[:-1], dtype=COMPUTE_DTYPES[param.dtype])}

    def _update_rows(self, table: Tensor, gradient: Operands, state: dict[str, Tensor], group: dict[str, Any]) -> None:
        _adagrad_rows(table, state["sum"].view(-1), *gradient, float(group["lr"]), float(group["eps"]))


def _by_library(
    table: Tensor, sums: Tensor, rows: Tensor, values: Tensor, factors: Sequence[Tensor], rate: float, epsilon: float
) -> None:
    def update(row_values: Tensor, gradient: Tensor, row_sums: Tensor) -> None:
        row_sums.add_(gradient.square().mean(1))
        row_values.sub_(gradient * (rate / (row_sums.sqrt() + epsilon))[:, None])

    update_by_library(update, table, (sums,), rows, values, factors)


def _by_core(
    table: Tensor, sums: Tensor, rows: Tensor, values: Tensor, factors: Sequence[Tensor], rate: float, epsilon: float
) -> None:
    gradient, threads = core_operands(rows, values, factors), torch.get_num_threads()
    native.adagrad_rows(to_array(table), *gradient, to_array(sums), rate=rate, epsilon=epsilon, threads=threads)


def _by_gpu(*arguments: Any) -> None:
    from peerspec.backends.torch.gpu.rows import adagrad_rows

    adagrad_rows(*arguments)


_adagrad_rows = plain_operator(
    "adagrad_rows",
    "(Tensor(a0!) table, Tensor(a1!) sums, Tensor rows, Tensor values, Tensor[] factors, float rate, "
    "float epsilon) -> ()",
    _by_library,
    no_result,
)
register_kernels(_adagrad_rows, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_update), tables=(0, 1))
