"""The query norm: none, batch or layer (SPEC.md, chapter 5)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

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
) -> tuple[Float[Tensor, "T h d"], dict[str, Tensor] | None]:
    """Normalised queries, and the updated running statistics where training changes them (NRM-1 … NRM-6).

    Running statistics, old and new, are constants of the derivative (GRD-9).

    Raises:
        InputError: training with batch statistics and no token that counts (NRM-5).
    """
    if kind == "none":
        return q, None
    state = None
    if kind == "layer":
        mean, var = _mean_and_variance(q, -1)
    else:
        running = {name: params[name].detach().to(q.dtype) for name in STATISTICS}
        mean, var = running.values()
        if training:
            mean, var = _mean_and_variance(_counted(q, mask), 0)
            state = _moving_average(running, mean, var)
    scale, bias = (params[f"query_norm.{name}"].to(q.dtype) for name in ("scale", "bias"))
    return (q - mean) / (var + EPS).sqrt() * scale + bias, state


def _mean_and_variance(q: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over one axis; the last axis is kept with length 1."""
    mean = q.mean(axis, keepdim=axis == -1)
    return mean, (q - mean).square().mean(axis, keepdim=axis == -1)


def _counted(q: Tensor, mask: Tensor | None) -> Tensor:
    """The queries of the tokens that count (NRM-4); indexing, unlike a product with the mask, leaves out NaN."""
    counted = q if mask is None else q[mask]
    if not len(counted):
        raise InputError(
            "batch statistics need at least one token that counts, got none; "
            "pass a non-empty batch whose mask is True somewhere, or evaluate without training (NRM-5)"
        )
    return counted


@torch.no_grad()
def _moving_average(running: Mapping[str, Tensor], mean: Tensor, var: Tensor) -> dict[str, Tensor]:
    """0.9·running + 0.1·batch (NRM-3)."""
    batch = zip(running.items(), (mean, var), strict=True)
    return {name: (1 - MOMENTUM) * old + MOMENTUM * new for (name, old), new in batch}
