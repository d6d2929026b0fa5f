"""How the cases of the named profiles are built: their common shapes, and functions that make parts of a case."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from peerspec.conformance.cases.build import Build, Parts
from peerspec.conformance.cases.case import Array, Draw
from peerspec.conformance.cases.configs import SMALL
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.reference import PeerConfig

__all__ = [
    "ALL_OPTIONS",
    "BATCH_NORM",
    "GLU",
    "LAYER_NORM",
    "PER_HEAD",
    "PER_HEAD_GRID",
    "SIGMOID",
    "TOGETHER",
    "WIDE_RELU",
    "parts",
    "quiet",
]

_WIDE = PeerConfig(33, 5, 17**2, 9, 38, d_out=10)
"""Sizes exceed one or two SIMD vectors, and ids 8 bits; with six tokens the arrays stay small."""
WIDE_RELU = replace(_WIDE, activation="relu")
BATCH_NORM, LAYER_NORM = (replace(SMALL, activation="relu", query_norm=kind) for kind in ("batch", "layer"))
"""Few features, because an error of ε shows only under a tight bound."""
GLU = replace(_WIDE, expert="glu")
PER_HEAD = replace(WIDE_RELU, key_heads=_WIDE.heads)
PER_HEAD_GRID = replace(SMALL, heads=3, num_experts=37**2, key_heads=3, activation="relu")
"""More sub-keys than a tile, and with tens of tokens more of these, too."""
SIGMOID = replace(SMALL, activation="relu", gate="sigmoid")
TOGETHER = replace(GLU, activation="silu", query_bias=True, query_norm="batch", gate="sigmoid", key_heads=_WIDE.heads)
ALL_OPTIONS = ("query-bias", "query-norm", "glu", "sigmoid", "per-head-keys")
"""The profiles of ``TOGETHER``."""


def quiet(params: dict[str, Array]) -> dict[str, Array]:
    """Parameters with queries that hardly vary, as those of small weights do, and their statistics; a variance is 0."""
    half = {name: params[name].dtype.type(2.0**-8) for name in ("query.weight", "query_norm.mean")}
    made = params | {name: params[name] * factor for name, factor in half.items()}
    variances = params["query_norm.var"] * params["query_norm.var"].dtype.type(2.0**-16)
    variances[:, 0] = 0
    return made | {"query_norm.var": variances}


def parts(*lead: int, exact: bool = False, masked: bool = False, training: bool = False, dy: bool = False) -> Build:
    """A builder with a mask, with training or with dy; x has the leading axes ``lead``, or six tokens."""

    def build(draw: Draw, config: PeerConfig) -> Parts:
        params = (exact_params if exact else full_params)(draw, config)
        shape = lead or (6,)
        x = tokens(draw, (*shape, config.d_model), exact=exact)
        made: Parts = {"params": params, "x": x, "training": training}
        if masked:
            made["mask"] = np.resize([True, True, False, True, False, True], shape)
        if dy:
            wide = (*shape, config.d_out)
            made["dy"] = draw.coarse("dy", wide, 3, 2) if exact else draw.full("dy", wide)
        return made

    return build
