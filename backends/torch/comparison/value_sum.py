"""Weighted sums of rows of values, with gradients of the touched rows (SPEC.md, PKM-3, PKM-4)."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch import plain
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.in_backward import tables_with_receiver, wanted_tables
from peerspec.backends.torch.kernels import register_kernels
from peerspec.backends.torch.precision import full_precision
from peerspec.backends.torch.rows import gather_dot, gather_sum
from peerspec.backends.torch.table_gradients import table_gradients

__all__ = ["value_sum"]


def value_sum(
    values: Float[Tensor, "N M"],
    ids: Int[Tensor, "T K"],
    gates: Float[Tensor, "T K"],
    *,
    sparse_gradients: bool = False,
) -> Float[Tensor, "T M"]:
    """y_t = Σ over the pairs of t of gate · value, in the dtype of the gates."""
    if plain.needs_plain():
        return _plain(values, gates, ids)
    y: Tensor = _value_sum(values, ids, gates, sparse_gradients)
    return y


def _plain(values: Tensor, gates: Tensor, ids: Tensor) -> Tensor:
    with full_precision(gates.device.type):
        return (gates[:, None] @ values.to(gates.dtype)[ids]).squeeze(1)


def _by_library(values: Tensor, ids: Tensor, gates: Tensor, sparse_gradients: bool = False) -> Tensor:
    return gather_sum(values, ids, gates)


def _by_core(values: Tensor, ids: Tensor, gates: Tensor, sparse_gradients: bool = False) -> Tensor:
    arrays = (to_array(tensor) for tensor in (values, ids, gates))
    return to_tensor(native.gather_sum(*arrays, threads=torch.get_num_threads()))


_value_sum = torch.library.custom_op(
    "peerspec::value_sum",
    _by_library,
    mutates_args=(),
    schema="(Tensor values, Tensor ids, Tensor gates, bool sparse_gradients=False) -> Tensor",
)
register_kernels(_value_sum, core=_by_core, library=_by_library, tables=(0,))
fold_batches(_value_sum, tokens=(1, 2))


@_value_sum.register_fake
def _(values: Tensor, ids: Tensor, gates: Tensor, sparse_gradients: bool = False) -> Tensor:
    return gates.new_empty(ids.shape[0], values.shape[1])


@torch.library.custom_op(
    "peerspec::value_products", mutates_args=(), schema="(Tensor values, Tensor ids, Tensor dy) -> Tensor"
)
def _products(values: Tensor, ids: Tensor, dy: Tensor) -> Tensor:
    return gather_dot(values, ids, dy)


@_products.register_fake
def _(values: Tensor, ids: Tensor, dy: Tensor) -> Tensor:
    return dy.new_empty(ids.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    *tensors, ctx.sparse = inputs
    ctx.save_for_backward(*tensors)
    ctx.received = tables_with_receiver(tensors[:1])


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
    values, ids, gates = ctx.saved_tensors
    needed = ctx.needs_input_grad
    if plain.needs_plain_backward(dy):
        dvalues, _, dgates = plain.gradients(
            lambda values, ids, gates: _plain(values, gates, ids),
            (values, ids, gates),
            (needed[0], False, needed[2]),
            dy,
        )
        return dvalues, None, dgates, None
    # before the gradient of the values, with which an optimiser may change them
    dgates = _products(values, ids, dy) if needed[2] else None
    wanted = wanted_tables(ctx.received, (values,), needed[:1])
    (found,) = table_gradients(wanted, ids, [gates], [dy.contiguous()], sparse=ctx.sparse)
    return found, None, dgates, None


_value_sum.register_autograd(_backward, setup_context=_setup_context)
