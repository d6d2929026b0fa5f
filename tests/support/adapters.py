"""Adapters with learned tables, their bases, and what the reference gives for them."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec.reference import Adapter, AdapterConfig, Base, parameter_dtype

__all__ = ["CONFIG", "adapter_of", "bases_of", "tokens_of"]

CONFIG = AdapterConfig(5, 3, 16, 4, 6, targets={"q": 7, "keys": 5}, rank=2, alpha=0.5)
"""A target may have a name that a container of modules has, too."""


def adapter_of(config: AdapterConfig = CONFIG, dtype: Any = np.float64, seed: int = 0) -> Adapter:
    """An adapter of random numbers; its v are not zero."""
    rng = np.random.default_rng(seed)
    params = {name: rng.standard_normal(shape) for name, shape in config.shapes().items()}
    params |= {name: np.abs(array) + 0.5 for name, array in params.items() if name == "query_norm.var"}
    return Adapter(config, {name: array.astype(parameter_dtype(name, dtype)) for name, array in params.items()})


def bases_of(config: AdapterConfig = CONFIG, dtype: Any = np.float64) -> dict[str, Base]:
    """The base of each target; the first has a bias."""
    rng, bases = np.random.default_rng(9), {}
    for name, width in config.targets.items():
        weight, bias = rng.standard_normal((width, config.d_model)), rng.standard_normal(width)
        bases[name] = Base(weight.astype(dtype), None if bases else bias.astype(dtype))
    return bases


def tokens_of(config: AdapterConfig = CONFIG, dtype: Any = np.float64, lead: tuple[int, ...] = (2, 4)) -> Any:
    """Tokens [..., D]."""
    return np.random.default_rng(1).standard_normal((*lead, config.d_model)).astype(dtype)
