"""The query norm: none, batch or layer (SPEC.md, chapter 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, distributed

from peerspec.backends.torch.onnx_node import warn_of_batch_statistics
from peerspec.reference import InputError
from peerspec.reference.config import STATISTICS
from peerspec.reference.query_norm import EPS, MOMENTUM

__all__ = ["query_norm"]


def query_norm(
    kind: str,
    params: Mapping[str, Tensor],
    q: Float[Tensor, "T h d"],
    *,
    mask: Bool[Tensor, " T"] | None,
    training: bool,
    process_group: distributed.ProcessGroup | None = None,
) -> tuple[Float[Tensor, "T h d"], dict[str, Tensor] | None]:
    """Normalised queries, and the updated running statistics where training changes them (NRM-1 … NRM-6).

    Running statistics, old and new, are constants of the derivative (GRD-9). Batch statistics are those of the tokens
    of all processes of the group, and each of these calls this function.

    Raises:
        InputError: training with batch statistics and no token that counts (NRM-5).
    """
    if kind == "none":
        return q, None
    state = None
    if kind == "layer":
        mean = q.mean(-1, keepdim=True)
        var = (q - mean).square().mean(-1, keepdim=True)
    else:
        running = {name: params[name].detach().to(q.dtype) for name in STATISTICS}
        mean, var = running.values()
        if training:
            warn_of_batch_statistics()
            mean, var = _batch_statistics(q if mask is None else q[mask], process_group)
            state = _moving_average(running, mean, var)
    scale, bias = (params[f"query_norm.{name}"].to(q.dtype) for name in ("scale", "bias"))
    return (q - mean) / (var + EPS).sqrt() * scale + bias, state


def _batch_statistics(counted: Tensor, group: distributed.ProcessGroup | None) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over the tokens that count (NRM-4).

    They were taken out by indexing, which, unlike a product with the mask, leaves out NaN.
    """
    count = len(counted) if group is None else _sum(counted.new_tensor(len(counted)), group)
    if not count:
        raise InputError(
            "batch statistics need at least one token that counts, got none; "
            "pass a non-empty batch whose mask is True somewhere, or evaluate without training (NRM-5)"
        )
    mean = _sum(counted.sum(0), group) / count
    return mean, _sum((counted - mean).square().sum(0), group) / count


def _sum(own: Tensor, group: distributed.ProcessGroup | None) -> Tensor:
    """The sum over the processes, whose gradient is the sum of the gradients of all."""
    if group is None:
        return own
    total: Tensor = _Sum.apply(own, group)  # type: ignore[no-untyped-call]  # not annotated
    return total


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, group: distributed.ProcessGroup) -> Tensor:
        ctx.group, total = group, own.clone()
        distributed.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.contiguous().clone()
        distributed.all_reduce(total, group=ctx.group)
        return total, None


@torch.no_grad()
def _moving_average(running: Mapping[str, Tensor], mean: Tensor, var: Tensor) -> dict[str, Tensor]:
    """0.9·running + 0.1·batch (NRM-3)."""
    batch = zip(running.items(), (mean, var), strict=True)
    return {name: (1 - MOMENTUM) * old + MOMENTUM * new for (name, old), new in batch}
