"""The activations σ and their derivatives (SPEC.md, ACT-1); the derivative of ReLU at 0 is 0 (GRD-6)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["activate", "activate_backward"]

_aten = torch.ops.aten


def activate(kind: str, a: Tensor) -> Tensor:
    """σ(a), elementwise; ``gelu`` is the exact one."""
    return _ACTIVATIONS[kind](a)


def activate_backward(kind: str, d: Tensor, a: Tensor) -> Tensor:
    """d · σ'(a), elementwise."""
    return _DERIVATIVES[kind](d, a)


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda a: functional.gelu(a, approximate="tanh"),
    "silu": functional.silu,
    "identity": lambda a: a,
}

_DERIVATIVES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "relu": lambda d, a: _aten.threshold_backward(d, a, 0),
    "gelu": _aten.gelu_backward,
    "gelu_tanh": lambda d, a: _aten.gelu_backward(d, a, approximate="tanh"),
    "silu": _aten.silu_backward,
    "identity": lambda d, a: d,
}
