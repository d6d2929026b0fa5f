"""Calling a custom autograd function: the one place where torch has no types."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function

__all__ = ["apply"]


def apply(function: type[Function], *inputs: Any) -> Tensor:
    """The function of the inputs, recorded for backward."""
    result: Tensor = function.apply(*inputs)  # type: ignore[no-untyped-call]
    return result
