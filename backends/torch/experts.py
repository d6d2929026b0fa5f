"""Experts: single-neuron networks picked from one shared pool (SPEC.md, chapter 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from peerspec.backends.torch import native
from peerspec.backends.torch.activations import activate
from peerspec.backends.torch.autograd import apply
from peerspec.backends.torch.rows import row_products, spread_rows, weighted_rows
from peerspec.reference import PeerConfig

__all__ = ["expert_stage", "expert_weights", "mix"]

Pairs = Float[Tensor, "T hk"]
Ids = Int[Tensor, "T hk"]


def expert_stage(
    config: PeerConfig, params: Mapping[str, Tensor], x: Float[Tensor, "T D"], ids: Ids, gates: Pairs
) -> Float[Tensor, "T M"]:
    """y of the experts and their gates, by the native core where it serves, else by library operations."""
    tables = [tensor for name, tensor in params.items() if name.startswith("experts.")]
    if native.serves(x.device, *tables):
        return native.mix(config, params, x, ids, gates)
    return mix(params["experts.v"], ids, gates * expert_weights(config, params, x, ids))


def expert_weights(config: PeerConfig, params: Mapping[str, Tensor], x: Float[Tensor, "T D"], ids: Ids) -> Pairs:
    """What multiplies v: σ(u·x) for an MLP expert (EXP-1), σ(w·x)·(u·x) for a GLU expert (EXP-2)."""
    inner = apply(_Project, params["experts.u"], ids, x)
    if config.expert == "glu":
        gating = apply(_Project, params["experts.w"], ids, x)
        return activate(config.activation, gating) * inner
    return activate(config.activation, inner)


def mix(v: Float[Tensor, "N M"], ids: Ids, weights: Pairs) -> Float[Tensor, "T M"]:
    """y_t = Σ over heads and their k experts of weight · v (OUT-1): no 1/h, no projection."""
    return apply(_Mix, v, ids, weights)


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(table: Tensor, ids: Tensor, x: Tensor) -> Tensor:
        return row_products(table, ids, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        table, ids, x = ctx.saved_tensors
        dtable = spread_rows(table, ids, d, x) if ctx.needs_input_grad[0] else None
        dx = weighted_rows(table, ids, d) if ctx.needs_input_grad[2] else None
        return dtable, None, dx


class _Mix(torch.autograd.Function):
    @staticmethod
    def forward(table: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        return weighted_rows(table, ids, weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        table, ids, weights = ctx.saved_tensors
        dtable = spread_rows(table, ids, weights, dy) if ctx.needs_input_grad[0] else None
        dweights = row_products(table, ids, dy) if ctx.needs_input_grad[2] else None
        return dtable, None, dweights
