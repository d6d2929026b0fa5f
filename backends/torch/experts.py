"""Experts: single-neuron networks picked from one shared pool (SPEC.md, chapter 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from peerspec.backends.torch import native
from peerspec.backends.torch.activations import activate
from peerspec.backends.torch.autograd import apply
from peerspec.backends.torch.rows import gather_dot, gather_sum
from peerspec.backends.torch.table_gradients import table_gradients
from peerspec.reference import PeerConfig

__all__ = ["expert_stage", "expert_weights", "weighted_outputs"]

Pairs = Float[Tensor, "T hk"]
Ids = Int[Tensor, "T hk"]


def expert_stage(
    config: PeerConfig,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "T D"],
    ids: Ids,
    gates: Pairs,
    *,
    sparse_gradients: bool = False,
) -> Float[Tensor, "T M"]:
    """y of the experts and their gates, by the native core where it serves, else by library operations."""
    tables = params["experts.u"], params["experts.v"], params.get("experts.w")
    if native.is_supported(x.device, *(table for table in tables if table is not None)):
        return apply(_Experts, *tables, x, ids, gates, config.activation, sparse_gradients)
    weights = gates * expert_weights(config, params, x, ids, sparse_gradients=sparse_gradients)
    return weighted_outputs(params["experts.v"], ids, weights, sparse_gradients=sparse_gradients)


def expert_weights(
    config: PeerConfig,
    params: Mapping[str, Tensor],
    x: Float[Tensor, "T D"],
    ids: Ids,
    *,
    sparse_gradients: bool = False,
) -> Pairs:
    """What multiplies v: σ(u·x) for an MLP expert (EXP-1), σ(w·x)·(u·x) for a GLU expert (EXP-2)."""
    inner = apply(_GatherDot, params["experts.u"], ids, x, sparse_gradients)
    if config.expert == "glu":
        gating = apply(_GatherDot, params["experts.w"], ids, x, sparse_gradients)
        return activate(config.activation, gating) * inner
    return activate(config.activation, inner)


def weighted_outputs(
    v: Float[Tensor, "N M"], ids: Ids, weights: Pairs, *, sparse_gradients: bool = False
) -> Float[Tensor, "T M"]:
    """y_t = Σ over heads and their k experts of weight · v (OUT-1): no 1/h, no projection."""
    return apply(_GatherSum, v, ids, weights, sparse_gradients)


class _Experts(Function):
    @staticmethod
    def forward(
        u: Tensor, v: Tensor, w: Tensor | None, x: Tensor, ids: Tensor, gates: Tensor, activation: str, sparse: bool
    ) -> Tensor:
        return native.expert_stage(u, v, w, x, ids, gates, activation)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.activation, ctx.sparse = inputs
        ctx.save_for_backward(*tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        u, v, w, x, ids, gates = ctx.saved_tensors
        dx, dgates, *weights = native.expert_stage_backward(u, v, w, x, ids, gates, dy, ctx.activation)
        wanted = [table if need else None for table, need in zip((u, v, w), ctx.needs_input_grad, strict=False)]
        found = table_gradients(wanted[: len(weights)], ids, weights, [x, dy, x][: len(weights)], sparse=ctx.sparse)
        return *found, *[None] * (3 - len(found)), dx, None, dgates, None, None


class _OverTable(Function):
    """Of a table, ids, a tensor and whether the table's gradient is sparse."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        *tensors, ctx.sparse = inputs
        ctx.save_for_backward(*tensors)


class _GatherDot(_OverTable):
    @staticmethod
    def forward(table: Tensor, ids: Tensor, x: Tensor, sparse: bool) -> Tensor:
        return gather_dot(table, ids, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, ...]:
        table, ids, x = ctx.saved_tensors
        # before the table's gradient, with which an optimiser may change the table
        dx = gather_sum(table, ids, d) if ctx.needs_input_grad[2] else None
        return _table_gradient(ctx, table, ids, d, x), None, dx, None


class _GatherSum(_OverTable):
    @staticmethod
    def forward(table: Tensor, ids: Tensor, weights: Tensor, sparse: bool) -> Tensor:
        return gather_sum(table, ids, weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        table, ids, weights = ctx.saved_tensors
        dweights = gather_dot(table, ids, dy) if ctx.needs_input_grad[2] else None
        return _table_gradient(ctx, table, ids, weights, dy), None, dweights, None


def _table_gradient(ctx: Any, table: Tensor, ids: Tensor, weights: Tensor, x: Tensor) -> Tensor | None:
    """Σ weight · x over the pairs of each row, where the table needs it."""
    (found,) = table_gradients([table if ctx.needs_input_grad[0] else None], ids, [weights], [x], sparse=ctx.sparse)
    return found
