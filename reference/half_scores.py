"""Half scores: inner products of each query half with the sub-keys of its half (SPEC.md, SCO-1)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.reference.layer import Layer

__all__ = ["half_scores", "head_keys"]


def half_scores(
    layer: Layer, q: Float[np.ndarray, "T h d"]
) -> tuple[Float[np.ndarray, "T h n"], Float[np.ndarray, "T h n"]]:
    """s1[t,h,i] = q[:d/2]·C_i and s2[t,h,j] = q[d/2:]·C'_j, without scale or temperature (QRY-2, SCO-1)."""
    half = layer.config.d_key // 2
    keys = head_keys(layer).astype(q.dtype)
    s1 = np.einsum("thc,hnc->thn", q[..., :half], keys[:, 0], optimize=True)
    s2 = np.einsum("thc,hnc->thn", q[..., half:], keys[:, 1], optimize=True)
    return s1, s2


def head_keys(layer: Layer) -> Float[np.ndarray, "h 2 n half"]:
    """The sub-keys of each head, a view: the shared set for every head, or its own (SCO-3)."""
    config = layer.config
    return np.broadcast_to(layer.params["keys"], (config.heads, 2, config.n, config.d_key // 2))
