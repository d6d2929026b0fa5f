"""The native core as operators of torch: on the CPU, where it was built and tables are contiguous.

Operators of ``torch.library`` keep their place in compiled graphs and under autograd; memory is shared with the core,
never copied. Everything the core does has a twin of library operations, which serves everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec.backends import native
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.reference import PeerConfig

__all__ = ["library_operations", "mix", "select", "serves"]

_enabled = True


@contextmanager
def library_operations() -> Iterator[None]:
    """Inside the block no thread of the process uses the native core, as where it was not built."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


def serves(device: torch.device, *tables: Tensor) -> bool:
    """Whether the core is there and wanted, and takes these: on the CPU, tables contiguous."""
    return _enabled and device.type == "cpu" and native.available() and all(table.is_contiguous() for table in tables)


def select(scores1: Float[Tensor, "R n"], scores2: Float[Tensor, "R n"], k: int) -> Int[Tensor, "R k"]:
    """The ids of the selection, exactly (SEL-2); not differentiable."""
    ids: Tensor = _select(scores1, scores2, k)
    return ids


def mix(
    config: PeerConfig,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "T D"],
    ids: Int[Tensor, "T K"],
    gates: Float[Tensor, "T K"],
) -> Float[Tensor, "T M"]:
    """The whole expert stage (EXP-1, EXP-2, OUT-1), differentiable in x, gates and tables."""
    tables = params["experts.u"], params["experts.v"], params.get("experts.w")
    y: Tensor = _mix(*tables, x, ids, gates, config.activation)
    return y


@torch.library.custom_op(
    "peerspec::select",
    mutates_args=(),
    schema="(Tensor scores1, Tensor scores2, int k) -> Tensor",
)
def _select(scores1: Tensor, scores2: Tensor, k: int) -> Tensor:
    found = native.select(to_array(scores1), to_array(scores2), k, threads=torch.get_num_threads())
    return to_tensor(found.indices)


@_select.register_fake
def _(scores1: Tensor, scores2: Tensor, k: int) -> Tensor:
    return scores1.new_empty((*scores1.shape[:-1], k), dtype=torch.int64)


@torch.library.custom_op(
    "peerspec::mix",
    mutates_args=(),
    schema="(Tensor u, Tensor v, Tensor? w, Tensor x, Tensor ids, Tensor gates, str activation) -> Tensor",
)
def _mix(u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, activation: str) -> Tensor:
    arrays = (to_array(tensor) for tensor in (x, ids, gates))
    return to_tensor(native.mix(_tables(u, v, w, activation), *arrays, threads=torch.get_num_threads()))


@_mix.register_fake
def _(u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, activation: str) -> Tensor:
    return x.new_empty(len(x), v.shape[1])


@torch.library.custom_op(
    "peerspec::mix_backward",
    mutates_args=(),
    schema="(Tensor u, Tensor v, Tensor? w, Tensor x, Tensor ids, Tensor gates, Tensor dy, str activation) -> Tensor[]",
)
def _mix_backward(
    u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, dy: Tensor, activation: str
) -> list[Tensor]:
    """The gradients of x and gates, and the weights of those of u, v, and w if it is there."""
    arrays = (to_array(tensor) for tensor in (x, ids, gates, dy))
    found = native.mix_backward(_tables(u, v, w, activation), *arrays, threads=torch.get_num_threads())
    return [to_tensor(array) for array in (found.dx, found.dgates, *found.weights.values())]


@_mix_backward.register_fake
def _(
    u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, dy: Tensor, activation: str
) -> list[Tensor]:
    return [torch.empty_like(x), *(torch.empty_like(gates) for _ in range(3 if w is None else 4))]


@torch.library.custom_op(
    "peerspec::spread_rows",
    mutates_args=(),
    schema="(Tensor like, Tensor ids, Tensor[] weights, Tensor[] rows) -> Tensor[]",
)
def _spread_rows(like: Tensor, ids: Tensor, weights: list[Tensor], rows: list[Tensor]) -> list[Tensor]:
    """For each of the weights a table of N rows in the format of ``like``: Σ weight · row, zero where nobody picks."""
    by_row = native.sort_ids(to_array(ids), len(like))
    touched, out = to_tensor(by_row.touched), []
    for weight, row in zip(weights, rows, strict=True):
        sums = native.spread_rows(by_row, to_array(weight), to_array(row), threads=torch.get_num_threads())
        table = like.new_zeros(len(like), row.shape[1])
        out.append(table.index_copy_(0, touched, to_tensor(sums).to(like.dtype)))
    return out


@_spread_rows.register_fake
def _(like: Tensor, ids: Tensor, weights: list[Tensor], rows: list[Tensor]) -> list[Tensor]:
    return [like.new_empty(len(like), row.shape[1]) for row in rows]


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.activation = inputs
    ctx.save_for_backward(*tensors)


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    u, v, w, x, ids, gates = ctx.saved_tensors
    dx, dgates, *weights = _mix_backward(u, v, w, x, ids, gates, dy, ctx.activation)
    tables: list[Tensor | None] = [None, None, None]
    if any(ctx.needs_input_grad[:3]):
        tables[: len(weights)] = _spread_rows(u, ids, weights, [x, dy, x][: len(weights)])
    return *tables, dx, None, dgates, None


_mix.register_autograd(_backward, setup_context=_setup)


def _tables(u: Tensor, v: Tensor, w: Tensor | None, activation: str) -> native.ExpertTables:
    return native.ExpertTables(to_array(u), to_array(v), None if w is None else to_array(w), activation)
