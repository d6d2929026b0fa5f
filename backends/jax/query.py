"""Queries, their norm, and half scores (QRY-1, QRY-2, NRM-1 … NRM-6, SCO-1, SCO-3)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.batching import over_tokens
from peerspec.backends.jax.precision import inner_product
from peerspec.reference import InputError, PeerConfig
from peerspec.reference.query_norm import EPS, MOMENTUM

__all__ = ["half_scores", "query", "query_norm"]

State = dict[str, jax.Array]


def query(params: State, x: jax.Array) -> jax.Array:
    """q[t,h,:] = W_h x_t + b_h, [T, h, d]; before the query norm."""
    weights = tuple(params[name] for name in ("query.weight", "query.bias") if name in params)
    return (_query if native.is_supported() else _query_plain)(weights, x)


@jax.custom_vjp
def _query(weights: tuple[jax.Array, ...], x: jax.Array) -> jax.Array:
    q: jax.Array = native.dispatch(over_tokens(native.query), _query_plain, weights, x)
    return q


def _query_plain(weights: tuple[jax.Array, ...], x: jax.Array) -> jax.Array:
    q = inner_product("td,hcd->thc", x, weights[0])
    return q + weights[1] if len(weights) > 1 else q


def _query_forward(weights: tuple[jax.Array, ...], x: jax.Array) -> tuple[jax.Array, Any]:
    return _query(weights, x), (weights, x)


def _query_backward(saved: Any, dq: jax.Array) -> tuple[tuple[jax.Array, ...], jax.Array]:
    (weight, *bias), x = saved
    dweight, dx = inner_product("thc,td->hcd", dq, x), inner_product("thc,hcd->td", dq, weight)
    return (dweight, *(dq.sum(0) for _ in bias)), dx


_query.defvjp(_query_forward, _query_backward)


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


def half_scores(keys: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """q[:d/2]·C_i and q[d/2:]·C'_j, each [T, h, n], of sub-keys [H_k, 2, n, d/2] and queries [T, h, d]."""
    formula = "thc,nc->thn" if len(keys) == 1 else "thc,hnc->thn"
    halves = jnp.split(q, 2, axis=-1)
    first, second = (inner_product(formula, half, _of_side(keys, side)) for side, half in enumerate(halves))
    return first, second


def _of_side(keys: jax.Array, side: int) -> jax.Array:
    return keys[0, side] if len(keys) == 1 else keys[:, side]


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
