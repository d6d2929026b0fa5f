"""The parameters of a new layer. SPEC.md leaves initialisation open, as the paper does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.reference.config import PeerConfig
from peerspec.reference.dtypes import parameter_dtype

__all__ = ["STARTS_AT_ONE", "initial_scales", "normal", "random_parameters"]

STARTS_AT_ONE = ("query_norm.scale", "query_norm.var")
"""The parameters that are all ones in a new layer."""
_CHUNK = 1 << 22
"""Numbers drawn at a time, so that a table of gigabytes needs megabytes of temporary memory."""


def initial_scales(config: PeerConfig) -> dict[str, float]:
    """The standard deviation of each parameter that starts as normal numbers, so that q, scores and y are of order one.

    The other parameters start as ones if ``STARTS_AT_ONE`` names them, else as zeros.

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


def random_parameters(config: PeerConfig, seed: int, dtype: np.dtype) -> dict[str, NDArray[Any]]:
    """The parameters of a new layer of ``dtype`` by name."""
    rng, scale = np.random.default_rng(seed), initial_scales(config)
    return {
        name: normal(rng, shape, scale[name], dtype)
        if name in scale
        else np.full(shape, name in STARTS_AT_ONE, parameter_dtype(name, dtype))
        for name, shape in config.shapes().items()
    }


def normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float, dtype: np.dtype) -> NDArray[Any]:
    """Normal numbers of this standard deviation, rounded once to ``dtype``."""
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    draw = np.float64 if dtype == np.float64 else np.float32
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        part[:] = rng.standard_normal(part.size, dtype=draw) * draw(scale)
    return out
