"""Calling a custom autograd function: the one place where torch has no types."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

__all__ = ["apply"]


def apply(function: type[Function], *inputs: Any) -> Tensor:
    """The function of the inputs, recorded for backward; without a record no more than its forward."""
    if not torch.is_grad_enabled():
        return function.forward(*inputs)
    result: Tensor = function.apply(*inputs)  # type: ignore[no-untyped-call]
    return result
