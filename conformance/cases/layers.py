"""Parameters and tokens: small integers for exact cases, full significands for numeric cases."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Draw, balanced_exponent
from peerspec.reference import PeerConfig

__all__ = ["exact_params", "full_params", "loud", "one_hot_queries", "steered", "tokens"]


def exact_params(draw: Draw, config: PeerConfig) -> dict[str, Array]:
    """Integers −2 … 1 (v: −4 … 3), and sub-keys scaled so that scores stay near ±20: every sum fits in 24 bits."""
    bits = {"experts.v": (3, 2), "keys": (2, -3)}
    return {name: draw.of(name).coarse(name, shape, *bits.get(name, (2, 1))) for name, shape in config.shapes().items()}


def full_params(draw: Draw, config: PeerConfig) -> dict[str, Array]:
    """Full significands, scaled so that queries, scores and inner products have standard deviations of one to three."""
    exponents = {
        "query.weight": balanced_exponent(config.d_model),
        "keys": balanced_exponent(config.d_key),
        "experts.u": balanced_exponent(config.d_model) + 1,
        "experts.w": balanced_exponent(config.d_model) + 1,
    }
    params = {name: draw.of(name).full(name, shape, exponents.get(name, 0)) for name, shape in config.shapes().items()}
    if "query_norm.var" in params:
        params["query_norm.var"] = np.abs(params["query_norm.var"]) + params["query_norm.var"].dtype.type(2.0**-4)
    return params


def tokens(draw: Draw, shape: tuple[int, ...], *, exact: bool = False) -> Array:
    """x: integers −4 … 3, or full significands in [−1, 1)."""
    return draw.coarse("x", shape, 3, 2) if exact else draw.full("x", shape)


def one_hot_queries(config: PeerConfig) -> Array:
    """The W that copies feature h·d + c of x to q[h, c]; it needs D = h·d."""
    weight = np.eye(config.heads * config.d_key, config.d_model)
    return weight.reshape(config.heads, config.d_key, config.d_model)


def steered(draw: Draw, config: PeerConfig, s1: list[float], s2: list[float]) -> dict[str, Any]:
    """Parameters that make the half scores s1 and s2 times x[..., 0], the first entry of each query half."""
    params = exact_params(draw, config)
    weight = np.zeros(config.shapes()["query.weight"])
    weight[:, [0, config.d_key // 2], 0] = 1
    keys = np.zeros(config.shapes()["keys"])
    keys[:, 0, :, 0], keys[:, 1, :, 0] = s1, s2
    return params | {"query.weight": weight.astype(draw.dtype), "keys": keys.astype(draw.dtype)}


def loud(draw: Draw, config: PeerConfig) -> dict[str, Any]:
    """A case with scores of several hundred that differ by a few units; in later heads they are a quarter as large.

    exp overflows unless each head subtracts its own maximum.
    """
    half_scores = [200.0, 199.5, 199.0, 198.75, 100.0]
    params = steered(draw, config, half_scores, half_scores[::-1])
    params["query.weight"][1:] *= draw.dtype.type(0.25)
    x = tokens(draw, (6, config.d_model), exact=True)
    x[:, 0] = [1, 2, -1, 4, 0.5, -2]
    return {"params": params, "x": x}
