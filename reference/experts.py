"""Experts: single-neuron networks picked from one shared pool (SPEC.md, chapter 4)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from peerspec.reference.activations import activate
from peerspec.reference.layer import Layer
from peerspec.reference.rows import gather_dot, gather_sum

__all__ = ["expert_stage", "expert_weights"]

Pairs = Float[np.ndarray, "T h k"]
Ids = Int[np.ndarray, "T h k"]


def expert_stage(layer: Layer, x: Float[np.ndarray, "T D"], ids: Ids, gates: Pairs) -> Float[np.ndarray, "T M"]:
    """y_t = Σ over heads and their k experts of gate · weight · v (OUT-1): no 1/h, no projection."""
    return gather_sum(layer.params["experts.v"], ids, gates * expert_weights(layer, x, ids))


def expert_weights(layer: Layer, x: Float[np.ndarray, "T D"], ids: Ids) -> Pairs:
    """What multiplies v: σ(u·x) for an MLP expert (EXP-1), σ(w·x)·(u·x) for a GLU expert (EXP-2)."""
    inner = gather_dot(layer.params["experts.u"], ids, x)
    if layer.config.expert == "glu":
        return activate(layer.config.activation, gather_dot(layer.params["experts.w"], ids, x)) * inner
    return activate(layer.config.activation, inner)
