"""The router of both mixtures: logits, and the derivative of a softmax (SPEC.md, TCM-3, TCM-8)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from peerspec.reference.comparison.blocks import Tables
from peerspec.reference.comparison.layer import ComparisonLayer

__all__ = ["eligible", "logits", "router_backward", "softmax_backward", "tables_of"]


def logits(layer: ComparisonLayer, x: Float[np.ndarray, "T D"]) -> Float[np.ndarray, "T E"]:
    """ℓ[t,e] = r_e·x_t, without bias, noise or temperature (TCM-3)."""
    return np.einsum("ed,td->te", layer.params["router.weight"].astype(x.dtype), x, optimize=True)


def eligible(mask: Bool[np.ndarray, " T"], logit: Float[np.ndarray, "T E"]) -> Bool[np.ndarray, " T"]:
    """The tokens that experts compute: counted, with finite logits (CMP-5)."""
    return mask & np.isfinite(logit).all(-1)


def softmax_backward(p: Float[np.ndarray, "T k"], dp: Float[np.ndarray, "T k"]) -> Float[np.ndarray, "T k"]:
    """p·(dp − Σ p·dp) without what all dp have in common, so exactly zero for one number."""
    difference = dp - dp[..., :1]
    return p * (difference - (p * difference).sum(-1, keepdims=True))


def router_backward(
    layer: ComparisonLayer, x: Float[np.ndarray, "T D"], dlogit: Float[np.ndarray, "T E"]
) -> tuple[Float[np.ndarray, "E D"], Float[np.ndarray, "T D"]]:
    """The gradients of the weight, and of x through the router."""
    weight = layer.params["router.weight"].astype(x.dtype)
    return np.einsum("te,td->ed", dlogit, x, optimize=True), dlogit @ weight


def tables_of(layer: ComparisonLayer) -> Tables:
    """The rows of the experts by the names u, v and w."""
    names = (name for name in layer.params if name.startswith("experts."))
    return {name.removeprefix("experts."): layer.params[name] for name in names}
