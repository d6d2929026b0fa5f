"""Batched inner products, at full precision in both directions."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from peerspec.backends.torch.autograd import apply
from peerspec.backends.torch.precision import full_precision

__all__ = ["inner_products"]


def inner_products(a: Float[Tensor, "B P C"], b: Float[Tensor, "B Q C"]) -> Float[Tensor, "B P Q"]:
    """Every row of ``a`` with every row of ``b``, batch by batch."""
    return apply(_InnerProducts, a, b)


class _InnerProducts(torch.autograd.Function):
    # torch's own backward of a product would run under the settings of whoever calls backward

    @staticmethod
    def forward(a: Tensor, b: Tensor) -> Tensor:
        with full_precision(a.device.type):
            return torch.bmm(a, b.mT)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = ctx.saved_tensors
        with full_precision(a.device.type):
            da = torch.bmm(d, b) if ctx.needs_input_grad[0] else None
            db = torch.bmm(d.mT, a) if ctx.needs_input_grad[1] else None
        return da, db
