"""Experts: single-neuron networks picked from one shared pool (SPEC.md, chapter 4)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from peerspec.reference.activations import activate
from peerspec.reference.layer import Layer

__all__ = ["expert_weights", "mix", "project"]

Pairs = Float[np.ndarray, "T h k"]
Ids = Int[np.ndarray, "T h k"]


def project(layer: Layer, name: str, x: Float[np.ndarray, "T D"], indices: Ids) -> Pairs:
    """The inner product of each token with the row of ``experts.<name>`` of each of its experts."""
    rows = layer.params[f"experts.{name}"][indices].astype(x.dtype)
    return np.einsum("thkd,td->thk", rows, x, optimize=True)


def expert_weights(layer: Layer, x: Float[np.ndarray, "T D"], indices: Ids) -> Pairs:
    """What multiplies v: σ(u·x) for an MLP expert (EXP-1), σ(w·x)·(u·x) for a GLU expert (EXP-2)."""
    inner = project(layer, "u", x, indices)
    if layer.config.expert == "glu":
        return activate(layer.config.activation, project(layer, "w", x, indices)) * inner
    return activate(layer.config.activation, inner)


def mix(layer: Layer, weights: Pairs, gates: Pairs, indices: Ids) -> Float[np.ndarray, "T M"]:
    """y_t = Σ over heads and their k experts of gate · weight · v (OUT-1): no 1/h, no projection."""
    rows = layer.params["experts.v"][indices].astype(weights.dtype)
    return np.einsum("thk,thkm->tm", gates * weights, rows, optimize=True)
