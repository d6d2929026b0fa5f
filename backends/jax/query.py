"""Queries, their norm, and half scores (QRY-1, QRY-2, NRM-1 … NRM-6, SCO-1, SCO-3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from peerspec.backends.jax.precision import inner_product
from peerspec.reference import InputError, PeerConfig
from peerspec.reference.query_norm import EPS, MOMENTUM

__all__ = ["half_scores", "query", "query_norm"]

State = dict[str, jax.Array]


def query(config: PeerConfig, params: State, x: jax.Array) -> jax.Array:
    """q[t,h,:] = W_h x_t + b_h, [T, h, d]; before the query norm."""
    q = inner_product("td,hcd->thc", x, params["query.weight"])
    return q + params["query.bias"] if config.query_bias else q


def query_norm(
    config: PeerConfig, params: State, q: jax.Array, *, mask: jax.Array | None, training: bool
) -> tuple[jax.Array, State | None]:
    """Normalised queries [T, h, d], and the updated running statistics where training changes them."""
    if config.query_norm == "none":
        return q, None
    state = None
    if config.query_norm == "layer":
        mean, var = q.mean(-1, keepdims=True), q.var(-1, keepdims=True)
    elif training:
        mean, var = _batch_statistics(q, mask)
        batch = {"query_norm.mean": mean, "query_norm.var": var}
        state = {name: (1 - MOMENTUM) * params[name] + MOMENTUM * batch[name] for name in batch}
    else:
        mean, var = params["query_norm.mean"], params["query_norm.var"]
    unit = (q - mean) / jnp.sqrt(var + EPS)
    return unit * params["query_norm.scale"] + params["query_norm.bias"], state


def half_scores(config: PeerConfig, params: State, q: jax.Array) -> jax.Array:
    """Both half scores in one array [2, T, h, n]: q[:d/2]·C_i, then q[d/2:]·C'_j."""
    halves = q.reshape(*q.shape[:-1], 2, config.d_key // 2)
    if config.key_heads == 1:
        return inner_product("thsc,snc->sthn", halves, params["keys"][0])
    return inner_product("thsc,hsnc->sthn", halves, params["keys"])


def _batch_statistics(q: jax.Array, mask: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    """Mean and biased variance [h, d] over the tokens that count (NRM-2, NRM-4)."""
    mask = jnp.ones(q.shape[0], bool) if mask is None else mask
    _require_tokens(mask)
    counts, total = mask[:, None, None], mask.sum().astype(q.dtype)
    mean = jnp.where(counts, q, 0).sum(0) / total
    centred = jnp.where(counts, q - mean, 0)
    return mean, (centred * centred).sum(0) / total


def _require_tokens(mask: jax.Array) -> None:
    # Inside jit the values of a mask are unknown; there an all-False mask gives NaN statistics.
    if not mask.size or not (isinstance(mask, jax.core.Tracer) or bool(mask.any())):
        raise InputError(
            "batch statistics need at least one token that counts, got none; "
            "pass a non-empty batch whose mask is True somewhere, or training=False (NRM-5)"
        )
