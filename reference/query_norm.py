"""The query norm: none, batch or layer (SPEC.md, chapter 5)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from peerspec.reference.errors import InputError
from peerspec.reference.layer import Layer

__all__ = ["EPS", "MOMENTUM", "batch_statistics", "moving_average", "normalise", "query_norm"]

EPS = 1e-5
"""Added to every variance (NRM-1)."""
MOMENTUM = 0.1
"""The share of the batch in the new running statistics (NRM-3)."""


def query_norm(
    layer: Layer, q: Float[np.ndarray, "T h d"], *, mask: Bool[np.ndarray, " T"], training: bool
) -> tuple[Float[np.ndarray, "T h d"], dict[str, np.ndarray] | None]:
    """Normalised queries, and the updated running statistics where training changes them (NRM-1 … NRM-6)."""
    if layer.config.query_norm == "none":
        return q, None
    scale, bias = (layer.params[f"query_norm.{name}"].astype(q.dtype) for name in ("scale", "bias"))
    state = None
    if layer.config.query_norm == "layer":
        mean, var = q.mean(-1, keepdims=True), q.var(-1, keepdims=True)
    elif training:
        mean, var = batch_statistics(q, mask)
        state = {
            "query_norm.mean": moving_average(layer.params["query_norm.mean"].astype(q.dtype), mean),
            "query_norm.var": moving_average(layer.params["query_norm.var"].astype(q.dtype), var),
        }
    else:
        mean, var = (layer.params[f"query_norm.{name}"].astype(q.dtype) for name in ("mean", "var"))
    return normalise(q, mean, var) * scale + bias, state


def normalise(q: np.ndarray, mean: np.ndarray, var: np.ndarray) -> np.ndarray:
    """(q − mean) / √(var + ε), by broadcasting."""
    return (q - mean) / np.sqrt(var + q.dtype.type(EPS))


def batch_statistics(
    q: Float[np.ndarray, "T h d"], mask: Bool[np.ndarray, " T"]
) -> tuple[Float[np.ndarray, "h d"], Float[np.ndarray, "h d"]]:
    """Mean and biased variance of each of the h·d features over counted tokens (NRM-2, NRM-4, NRM-5)."""
    if not mask.any():
        raise InputError(
            "batch statistics need at least one token that counts, got none; "
            "pass a non-empty batch whose mask is True somewhere, or training=False (NRM-5)"
        )
    counted = q[mask]
    return counted.mean(0), counted.var(0)


def moving_average(running: np.ndarray, batch: np.ndarray) -> np.ndarray:
    """0.9·running + 0.1·batch (NRM-3)."""
    return (1 - MOMENTUM) * running + MOMENTUM * batch
