"""How large the entries of a new layer are."""

from __future__ import annotations

from peerspec.reference.config import PeerConfig

__all__ = ["STARTS_AT_ONE", "initial_scales"]

STARTS_AT_ONE = ("query_norm.scale", "query_norm.var")
"""The parameters whose entries are 1 in a new layer."""


def initial_scales(config: PeerConfig) -> dict[str, float]:
    """The standard deviation of each parameter that starts as normal numbers; queries, scores and y are of order one.

    The entries of other parameters are 1 where ``STARTS_AT_ONE`` names them, else 0. SPEC.md leaves initialisation
    open, as the paper does; it is no part of conformance.

    Example:
        >>> initial_scales(PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4))["experts.u"]
        0.5
    """
    return {
        "query.weight": config.d_model**-0.5,
        "keys": config.d_key**-0.5,
        "experts.u": config.d_model**-0.5,
        "experts.w": config.d_model**-0.5,
        "experts.v": config.heads**-0.5,
    }
