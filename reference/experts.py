"""The expert stage: experts are single-neuron networks in one shared pool (SPEC.md, chapter 4)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from peerspec.reference.activations import activate
from peerspec.reference.layer import Layer
from peerspec.reference.rows import Ids, Pairs, gather_dot, gather_sum

__all__ = ["expert_stage", "expert_weights"]


def expert_stage(layer: Layer, x: Float[np.ndarray, "T D"], ids: Ids, gates: Pairs) -> Float[np.ndarray, "T M"]:
    """y_t = Σ over heads and their k experts of gate · weight · v (OUT-1), without 1/h and without a projection."""
    return gather_sum(layer.params["experts.v"], ids, gates * expert_weights(layer, x, ids))


def expert_weights(layer: Layer, x: Float[np.ndarray, "T D"], ids: Ids) -> Pairs:
    """The weight of v: σ(u·x) for an MLP expert (EXP-1), σ(w·x)·(u·x) for a GLU expert (EXP-2)."""
    inner = gather_dot(layer.params["experts.u"], ids, x)
    if layer.config.expert == "glu":
        return activate(layer.config.activation, gather_dot(layer.params["experts.w"], ids, x)) * inner
    return activate(layer.config.activation, inner)
