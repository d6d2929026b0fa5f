"""Half scores: inner products of each query half with the sub-keys of its half (SPEC.md, SCO-1, SCO-3)."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from peerspec.backends.jax.precision import inner_product

__all__ = ["half_scores"]


def half_scores(keys: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """q[:d/2]·C_i and q[d/2:]·C'_j, each [T, h, n], of sub-keys [H_k, 2, n, d/2] and queries [T, h, d]."""
    formula = "thc,nc->thn" if len(keys) == 1 else "thc,hnc->thn"
    first, second = (
        inner_product(formula, half, keys[0, side] if len(keys) == 1 else keys[:, side])
        for side, half in enumerate(jnp.split(q, 2, axis=-1))
    )
    return first, second
