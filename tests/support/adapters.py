"""Adapters with learned tables, their bases, and what the reference gives for them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from support.rounding import APART

from peerspec.reference import Adapter, AdapterConfig, Base, parameter_dtype
from peerspec.reference import adapt as reference_adapt
from peerspec.reference import adapter_gradients as reference_gradients

__all__ = ["CONFIG", "OPTIONS", "adapter_of", "assert_as_the_reference", "bases_of", "near", "tokens_of"]

CONFIG = AdapterConfig(5, 3, 16, 4, 6, targets={"q": 7, "keys": 5}, rank=2, alpha=0.5)
"""A target may have a name that a container of modules has, too."""
OPTIONS: list[dict[str, Any]] = [
    {},
    {"rank": 1, "gate": "sigmoid"},
    {"query_norm": "layer", "alpha": 3.0},
    {"query_norm": "batch", "key_heads": 3, "query_bias": True},
]


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


def near(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether two results of one function are apart by rounding in float64 alone."""
    return bool(np.abs(ours - theirs).max() <= APART * max(1.0, np.abs(theirs).max()))


def assert_as_the_reference(backend: Any, options: dict[str, Any], *, training: bool) -> None:
    """Outputs, routing and gradients of a backend in float64 are those of the reference."""
    config = replace(CONFIG, **options)
    adapter, bases, x = adapter_of(config), bases_of(config), tokens_of()
    wanted = reference_adapt(adapter, bases, x, training=training)
    found = backend.adapt(adapter, bases, x, training=training)
    assert found.keys() == {"y.q", "y.keys", "scores", "indices", "gates"}
    assert all(near(found[f"y.{name}"], y) for name, y in wanted.y.items())
    assert (found["indices"] == wanted.indices).all()
    dy = {name: np.cos(y) for name, y in wanted.y.items()}
    ours = backend.adapter_gradients(adapter, bases, x, dy, training=training)
    theirs = reference_gradients(adapter, bases, x, dy, training=training)
    assert ours.keys() == theirs.keys()
    assert all(near(ours[name], theirs[name]) for name in theirs)
