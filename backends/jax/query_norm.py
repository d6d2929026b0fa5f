"""The query norm: none, batch or layer (SPEC.md, NRM-1 … NRM-6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from peerspec.reference import InputError, PeerConfig
from peerspec.reference.config import STATISTICS
from peerspec.reference.query_norm import EPS, MOMENTUM

__all__ = ["query_norm", "require_tokens"]


def query_norm(
    config: PeerConfig,
    params: Mapping[str, jax.Array],
    q: jax.Array,
    *,
    mask: jax.Array | None,
    training: bool,
    axes: tuple[str, ...] = (),
) -> tuple[jax.Array, dict[str, jax.Array] | None]:
    """Normalised queries [T, h, d], and the updated running statistics [h, d] if training changes them (NRM-3).

    Running statistics, old and new, are constants of the derivative (GRD-9). Inside ``shard_map``, batch statistics are
    those of the tokens of all devices along ``axes``.
    """
    if config.query_norm == "none":
        return q, None
    state = None
    if config.query_norm == "layer":
        mean, var = q.mean(-1, keepdims=True), q.var(-1, keepdims=True)
    else:
        running = {name: jax.lax.stop_gradient(params[name]) for name in STATISTICS}
        mean, var = _batch_statistics(q, mask, axes) if training else running.values()
        state = _moving_average(running, mean, var) if training else None
        mean, var = mean[None], var[None]
    unit = (q - mean) / jnp.sqrt(var + EPS)
    return unit * params["query_norm.scale"][None] + params["query_norm.bias"][None], state


def _moving_average(running: Mapping[str, jax.Array], mean: jax.Array, var: jax.Array) -> dict[str, jax.Array]:
    """0.9·running + 0.1·batch (NRM-3)."""
    batch = zip(running.items(), jax.lax.stop_gradient((mean, var)), strict=True)
    return {name: (1 - MOMENTUM) * old + MOMENTUM * new for (name, old), new in batch}


def _batch_statistics(q: jax.Array, mask: jax.Array | None, axes: tuple[str, ...]) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance [h, d] over the tokens that count (NRM-2, NRM-4)."""
    mask = jnp.ones(q.shape[0], bool) if mask is None else mask
    counts, total = mask[:, None, None], _sum(mask.astype(q.dtype), axes)
    mean = _sum(jnp.where(counts, q, 0), axes) / total
    centred = jnp.where(counts, q - mean[None], 0)
    return mean, _sum(centred * centred, axes) / total


def _sum(of_tokens: jax.Array, axes: tuple[str, ...]) -> jax.Array:
    own = of_tokens.sum(0)
    lax: Any = jax.lax
    return lax.psum(own, axes) if axes else own


def require_tokens(config: PeerConfig, x: jax.Array, mask: jax.Array | None, training: bool) -> None:
    """Refuse batch statistics of no token.

    Raises:
        InputError: there is no token, or none counts and the values of the mask are known (NRM-5).
    """
    if not training or config.query_norm != "batch":
        return
    # Inside jit the values of a mask are unknown, and a mask without True gives statistics of NaN.
    found: Any = True if mask is None else mask.any()
    empty = any(isinstance(size, int) and not size for size in x.shape[:-1])
    if empty or not (isinstance(found, jax.core.Tracer) or bool(found)):
        raise InputError(
            "batch statistics need at least one token that counts, got none; "
            "pass a non-empty batch whose mask is True somewhere, or training=False (NRM-5)"
        )
