"""The parameters of a new layer of chapter 15: outputs of order one, whatever N, E and d_hidden are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.reference.comparison.config import (
    ComparisonConfig,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
)
from peerspec.reference.dtypes import parameter_dtype
from peerspec.reference.initial import STARTS_AT_ONE

__all__ = ["ROUTER", "initial_scales", "random_parameters"]

ROUTER = 0.01
"""The standard deviation of router logits: gates begin almost equal, and the experts all the same differ."""


def initial_scales(config: ComparisonConfig) -> dict[str, float]:
    """The standard deviation of each parameter that starts as normal numbers (section 15.6).

    With tokens of order one, u·x and w·x are of order one. y is a sum of terms g·ω·v, so v has the scale
    1/√(number of terms · mean g²), and its variance is the mean of ω² for each token and column. The others start as
    ones if ``STARTS_AT_ONE`` names them, else as zeros.

    Example:
        >>> initial_scales(DenseConfig(d_model=4, d_hidden=16))
        {'u': 0.5, 'w': 0.5, 'v': 0.25}
    """
    width = config.d_model**-0.5
    if isinstance(config, DenseConfig):
        return {"u": width, "w": width, "v": config.d_hidden**-0.5}
    if isinstance(config, PKMConfig):
        return {"query.weight": width, "keys": config.d_key**-0.5, "values": config.heads**-0.5}
    out = (config.d_hidden * _sum_of_squared_gates(config)) ** -0.5
    return {"router.weight": ROUTER * width, "experts.u": width, "experts.w": width, "experts.v": out}


def _sum_of_squared_gates(config: TokenChoiceConfig | ExpertChoiceConfig) -> float:
    """Σ g² over the experts of a token, on average, if all gates are equal."""
    if isinstance(config, ExpertChoiceConfig):
        return config.capacity_factor / config.num_experts**2
    if config.gate == "softmax_before":
        return config.top_k / config.num_experts**2
    return 1 / config.top_k


def random_parameters(config: ComparisonConfig, seed: int, dtype: np.dtype) -> dict[str, NDArray[Any]]:
    """The parameters of a new layer of ``dtype`` by name."""
    rng, scale = np.random.default_rng(seed), initial_scales(config)
    return {
        name: (rng.standard_normal(shape) * scale[name]).astype(dtype)
        if name in scale
        else np.full(shape, name in STARTS_AT_ONE, parameter_dtype(name, dtype))
        for name, shape in config.shapes().items()
    }
