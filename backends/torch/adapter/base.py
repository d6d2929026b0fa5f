"""The base of a target: a linear map that stays as it is, so that only x has a gradient (SPEC.md, ADP-3, ADP-5)."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from peerspec.backends.torch import plain
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.precision import full_precision

__all__ = ["base_map"]


def base_map(
    x: Float[Tensor, "T D"], weight: Float[Tensor, "M D"], bias: Float[Tensor, " M"] | None
) -> Float[Tensor, "T M"]:
    """W x + b of tokens in the compute dtype, and in this dtype; W and b are constants."""
    weight, bias = weight.detach(), None if bias is None else bias.detach()
    y: Tensor = (_by_library if plain.needs_plain() else _base_map)(x, weight, bias)
    return y


def _by_library(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    with full_precision(x.device.type):
        return functional.linear(x, weight.to(x.dtype), None if bias is None else bias.to(x.dtype))


_base_map = torch.library.custom_op(
    "peerspec::base_map", _by_library, mutates_args=(), schema="(Tensor x, Tensor weight, Tensor? bias) -> Tensor"
)
fold_batches(_base_map, tokens=(0,))


@_base_map.register_fake
def _(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return x.new_empty(x.shape[0], weight.shape[0])


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[1])


def _backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, None, None]:
    (weight,) = ctx.saved_tensors
    return base_map(dy, weight.mT, None) if ctx.needs_input_grad[0] else None, None, None


_base_map.register_autograd(_backward, setup_context=_setup_context)
