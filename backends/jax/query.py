"""Queries: one linear map of the token for each head (SPEC.md, QRY-1, QRY-2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.operation import OnGPU, operation
from peerspec.backends.jax.precision import inner_product

__all__ = ["query"]

Weights = tuple[jax.Array, ...]


def query(params: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
    """q[t, h, :] = W_h x_t + b_h, [T, h, d], in the dtype of tokens x [T, D]; before the query norm.

    If the weight is narrower than ``x``, its dtype holds every number of ``x`` (PAR-5).
    """
    q: jax.Array = _query(tuple(params[name] for name in ("query.weight", "query.bias") if name in params), x)
    return q


def _by_library(weights: Weights, x: jax.Array) -> jax.Array:
    q = inner_product("td,hcd->thc", x, weights[0])
    return q + weights[1][None] if len(weights) > 1 else q


def _backward(saved: tuple[Weights, jax.Array], dq: jax.Array) -> tuple[Weights, jax.Array]:
    (weight, *bias), x = saved
    dweight, dx = inner_product("thc,td->hcd", dq, x), inner_product("thc,hcd->td", dq, weight)
    return (dweight.astype(weight.dtype), *(dq.sum(0).astype(weight.dtype) for _ in bias)), dx


def _by_gpu(weights: Weights, x: jax.Array) -> jax.Array:
    from peerspec.backends.jax.gpu.products import query

    return query(weights, x)


def _fits(weights: Weights, x: jax.Array) -> bool:
    return x.dtype == jnp.float32 != weights[0].dtype


_query: Any = operation(core=native.query, library=_by_library, gpu=OnGPU(_by_gpu, _fits), backward=_backward)
