"""Batched matrix products in full precision, with derivatives of every order (SPEC.md, PRC-2).

Settings of the process lower the precision of products; only the kernel of an operator raises them again.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch import plain
from peerspec.backends.torch.precision import full_precision

__all__ = ["product"]


def product(a: Float[Tensor, "B P Q"], b: Float[Tensor, "B Q R"]) -> Float[Tensor, "B P R"]:
    """a b for each of B pairs of matrices of one dtype."""
    if plain.needs_plain():
        with full_precision(a.device.type):
            return torch.bmm(a, b)
    c: Tensor = _product(a, b)
    return c


@torch.library.custom_op("peerspec::batched_product", mutates_args=(), schema="(Tensor a, Tensor b) -> Tensor")
def _product(a: Tensor, b: Tensor) -> Tensor:
    with full_precision(a.device.type):
        return torch.bmm(a, b)


@_product.register_fake
def _(a: Tensor, b: Tensor) -> Tensor:
    return a.new_empty(a.shape[0], a.shape[1], b.shape[2])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, dc: Tensor) -> tuple[Tensor | None, ...]:
    a, b = ctx.saved_tensors
    da, db = ctx.needs_input_grad
    return product(dc, b.mT) if da else None, product(a.mT, dc) if db else None


_product.register_autograd(_backward, setup_context=_setup_context)
