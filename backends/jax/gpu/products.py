"""Products on tensor cores whose terms are exact, with float32 sums (PRC-2): bfloat16 and float16 tables, on a GPU."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from peerspec.backends.jax.precision import inner_product

__all__ = ["half_scores", "query"]


def query(weights: tuple[jax.Array, ...], x: jax.Array) -> jax.Array:
    """q [T, h, d] in float32 of tokens that are numbers of the dtype of the weight: a term has at most 22 bits."""
    weight, *bias = weights
    q = jnp.einsum("td,hcd->thc", x.astype(weight.dtype), weight, preferred_element_type=jnp.float32)
    return q + bias[0].astype(q.dtype)[None] if bias else q


def half_scores(keys: jax.Array, q: jax.Array) -> jax.Array:
    """[H_k, 2, R, n], in float32; each q of bfloat16 sub-keys as three bfloat16 numbers, whose products are exact."""
    tokens, heads, d_key = q.shape
    halves = q.reshape(tokens * heads // len(keys), len(keys), 2, d_key // 2)
    if keys.dtype != jnp.bfloat16:
        return inner_product("rhsc,hsnc->hsrn", halves, keys.astype(q.dtype))
    thrice = jnp.concatenate([keys] * 3, -1)
    return jnp.einsum("rhsc,hsnc->hsrn", _split(halves), thrice, preferred_element_type=jnp.float32)


def _split(x: jax.Array) -> jax.Array:
    """Three bfloat16 numbers whose sum is x, small parts first, along the last axis; as ``split_kernel``."""
    large = _cut(x)
    rest = jnp.where(jnp.isfinite(x), x - large, 0)
    middle = _cut(rest)
    return jnp.concatenate([part.astype(jnp.bfloat16) for part in (_cut(rest - middle), middle, large)], -1)


def _cut(x: jax.Array) -> jax.Array:
    """The first eight bits of the significand; a NaN stays one."""
    bits = jax.lax.bitcast_convert_type(x, jnp.int32) & -0x10000
    return jnp.where(jnp.isnan(x), x, jax.lax.bitcast_convert_type(bits, jnp.float32))
