"""Queries: h independent linear maps of the token (SPEC.md, QRY-1)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.reference.layer import Layer

__all__ = ["query"]


def query(layer: Layer, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T h d"]:
    """q[t,h,:] = W_h x_t + b_h (QRY-1), before the query norm, in the dtype of ``x``."""
    q = np.einsum("hcd,td->thc", layer.params["query.weight"].astype(x.dtype), x, optimize=True)
    if layer.config.query_bias:
        q = q + layer.params["query.bias"].astype(x.dtype)
    return q
