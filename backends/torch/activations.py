"""The activations σ (SPEC.md, ACT-1); torch's slope of ReLU at 0 is 0, as GRD-6 asks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["activate"]


def activate(kind: str, a: Tensor) -> Tensor:
    """σ(a), elementwise; ``gelu`` is the exact one."""
    return _ACTIVATIONS[kind](a)


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda a: functional.gelu(a, approximate="tanh"),
    "silu": functional.silu,
    "identity": lambda a: a,
}
