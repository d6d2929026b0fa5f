"""Dense blocks and their weighted sum, the formula of a dense layer and of both mixtures (SPEC.md, CMP-4, DNS-3).

    y_t = Σ over experts e that compute t of g[t,e] · Σ over neurons r of ω[t,e,r] · v[e,r]

with ω = σ(u·x), or σ(w·x)·(u·x) for GLU. A dense layer is one block with the gate 1. Backward, with z = v·dy,

    dg[t,e] = Σ_r ω z        da = g z ∂ω/∂a        du = Σ_t da x        dx = Σ da u, and likewise c and w for GLU
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from peerspec.reference.activations import activate, activate_derivative
from peerspec.reference.comparison.config import DenseConfig, MixtureConfig

__all__ = ["Tables", "expert_blocks", "expert_blocks_backward"]

Tables = Mapping[str, np.ndarray]
"""Rows of neurons: u and w [E, H, D], v [E, H, M]."""
Neurons = Float[np.ndarray, "T E H"]


def expert_blocks(
    config: DenseConfig | MixtureConfig,
    tables: Tables,
    x: Float[np.ndarray, "T D"],
    gates: Float[np.ndarray, "T E"],
    chosen: Bool[np.ndarray, "T E"],
) -> Float[np.ndarray, "T M"]:
    """y of tokens, each computed by the experts that ``chosen`` says; 0 for a token without an expert."""
    weights, _ = _weights_and_slopes(config, tables, x)
    return np.einsum("teh,ehm->tm", _of_chosen(gates, chosen, weights), tables["v"].astype(x.dtype), optimize=True)


def expert_blocks_backward(
    config: DenseConfig | MixtureConfig,
    tables: Tables,
    x: Float[np.ndarray, "T D"],
    gates: Float[np.ndarray, "T E"],
    chosen: Bool[np.ndarray, "T E"],
    dy: Float[np.ndarray, "T M"],
) -> tuple[dict[str, np.ndarray], Float[np.ndarray, "T D"], Float[np.ndarray, "T E"]]:
    """The gradients of the tables, of x through the experts, and of the gates, for a constant choice."""
    weights, slopes = _weights_and_slopes(config, tables, x)
    z = np.einsum("ehm,tm->teh", tables["v"].astype(x.dtype), dy, optimize=True)
    dgates = np.where(chosen, (weights * z).sum(-1), 0)
    grads = {"v": np.einsum("teh,tm->ehm", _of_chosen(gates, chosen, weights), dy, optimize=True)}
    dx = np.zeros_like(x)
    for name, slope in slopes.items():
        da = _of_chosen(gates, chosen, z * slope)
        grads[name] = np.einsum("teh,td->ehd", da, x, optimize=True)
        dx += np.einsum("teh,ehd->td", da, tables[name].astype(x.dtype), optimize=True)
    return grads, dx, dgates


def _of_chosen(gates: np.ndarray, chosen: np.ndarray, neurons: Neurons) -> Neurons:
    """The product with the gate where an expert computes a token, and else zero, whatever the neurons hold."""
    return np.where(chosen[..., None], gates[..., None] * neurons, 0)


def _weights_and_slopes(
    config: DenseConfig | MixtureConfig, tables: Tables, x: np.ndarray
) -> tuple[Neurons, dict[str, Neurons]]:
    """The weight of v, and its derivative with respect to the inner products with u and w (EXP-1, EXP-2)."""
    kind, inner = config.activation, _inner_products(tables["u"], x)
    if config.expert == "mlp":
        return activate(kind, inner), {"u": activate_derivative(kind, inner)}
    gating = _inner_products(tables["w"], x)
    active = activate(kind, gating)
    return active * inner, {"u": active, "w": activate_derivative(kind, gating) * inner}


def _inner_products(table: np.ndarray, x: np.ndarray) -> Neurons:
    return np.einsum("ehd,td->teh", table.astype(x.dtype), x, optimize=True)
