"""The query norm: none, batch or layer (SPEC.md, chapter 5)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from peerspec.reference.errors import InputError
from peerspec.reference.layer import Layer

__all__ = ["EPS", "MOMENTUM", "batch_statistics", "moving_average", "normalise", "query_norm", "query_norm_backward"]

EPS = 1e-5
"""Added to every variance (NRM-1)."""
MOMENTUM = 0.1
"""The weight of the batch in the updated running statistics (NRM-3)."""


def query_norm(
    layer: Layer, q: Float[np.ndarray, "T h d"], *, mask: Bool[np.ndarray, " T"], training: bool
) -> tuple[Float[np.ndarray, "T h d"], dict[str, np.ndarray] | None]:
    """Normalised queries (NRM-1 … NRM-6), and the updated running statistics if training changes them, else None."""
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
    """Mean and biased variance of each of the h·d features over the tokens that count (NRM-2, NRM-4).

    Raises:
        InputError: no token counts (NRM-5).
    """
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


def query_norm_backward(
    layer: Layer,
    raw: np.ndarray,
    dq: np.ndarray,
    mask: np.ndarray,
    grads: dict[str, np.ndarray],
    *,
    training: bool = True,
) -> np.ndarray:
    """The gradient of the query before the norm (GRD-7, GRD-9); adds the gradients of scale and bias to ``grads``.

    Mean and variance weigh each token that counts (batch), or each feature (layer), by 1/m. Running statistics are
    constants.
    """
    if layer.config.query_norm == "none":
        return dq
    frozen = layer.config.query_norm == "batch" and not training
    if frozen:
        mean, var = (layer.params[f"query_norm.{name}"].astype(raw.dtype) for name in ("mean", "var"))
    elif layer.config.query_norm == "batch":
        axis, weight = 0, mask[:, None, None] / mask.sum()
        mean, var = batch_statistics(raw, mask)
    else:
        axis, weight = -1, np.full((1, 1, raw.shape[-1]), 1 / raw.shape[-1])
        mean, var = raw.mean(-1, keepdims=True), raw.var(-1, keepdims=True)
    unit = normalise(raw, mean, var)
    grads["query_norm.scale"], grads["query_norm.bias"] = (dq * unit).sum(0), dq.sum(0)
    dunit = dq * layer.params["query_norm.scale"].astype(dq.dtype)
    if frozen:
        return dunit / np.sqrt(var + EPS)
    centred = dunit - weight * dunit.sum(axis, keepdims=True)
    centred -= weight * unit * (dunit * unit).sum(axis, keepdims=True)
    return centred / np.sqrt(var + EPS)
