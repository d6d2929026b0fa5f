"""Batched inner products, at full precision in both directions."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch.precision import full_precision

__all__ = ["inner_products"]


def inner_products(a: Float[Tensor, "B P C"], b: Float[Tensor, "B Q C"]) -> Float[Tensor, "B P Q"]:
    """Every row of ``a`` with every row of ``b``, batch by batch."""
    product: Tensor = _inner_products(a, b)
    return product


# An operator, because torch's own backward of a product would run under the settings of whoever calls backward, and
# because a compiler cannot look into switches that belong to the process.
@torch.library.custom_op("peerspec::inner_products", mutates_args=(), schema="(Tensor a, Tensor b) -> Tensor")
def _inner_products(a: Tensor, b: Tensor) -> Tensor:
    with full_precision(a.device.type):
        return torch.bmm(a, b.mT)


@_inner_products.register_fake
def _(a: Tensor, b: Tensor) -> Tensor:
    return a.new_empty(a.shape[0], a.shape[1], b.shape[1])


def _setup(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, d: Tensor) -> tuple[Tensor | None, Tensor | None]:
    a, b = ctx.saved_tensors
    da = inner_products(d, b.mT) if ctx.needs_input_grad[0] else None
    return da, inner_products(d.mT, a.mT) if ctx.needs_input_grad[1] else None


_inner_products.register_autograd(_backward, setup_context=_setup)
