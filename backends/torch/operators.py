"""Operators without a derivative, with a lower cost per call than those of ``torch.library.custom_op``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._ops import OpOverload

__all__ = ["plain_operator"]


def plain_operator(name: str, schema: str, default: Callable[..., Any], fake: Callable[..., Any]) -> OpOverload:
    """The operator ``peerspec::<name>``. Call it below autograd, or on tensors that autograd does not follow.

    ``custom_op`` runs two Python functions before the kernel, for autograd and for version counters: 12 µs.

    Args:
        name: the name in the namespace ``peerspec``.
        schema: arguments and results.
        default: the kernel for every device.
        fake: makes results of the right shapes and dtypes, without values.
    """
    qualified = f"peerspec::{name}"
    torch.library.define(qualified, schema)
    torch.library.impl(qualified, "default", default)
    torch.library.register_fake(qualified, fake)
    operator: OpOverload = getattr(torch.ops.peerspec, name).default
    return operator
