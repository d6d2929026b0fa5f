"""Layers of chapter 15 in which every parameter matters, with pairwise different sizes."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec.reference import parameter_dtype
from peerspec.reference.comparison import (
    ComparisonConfig,
    ComparisonLayer,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
)

__all__ = ["KINDS", "config_of", "integer_layer", "random_layer", "tokens_of"]

WIDTHS = {"d_model": 5, "d_out": 7}
MIXTURE = {"num_experts": 4, "d_hidden": 3}
ROUTED = {"heads": 3, "num_experts": 16, "top_k": 6, "d_key": 8}
KINDS: dict[str, tuple[type, dict[str, Any]]] = {
    "dense": (DenseConfig, {"d_hidden": 6}),
    "dense glu": (DenseConfig, {"d_hidden": 6, "expert": "glu"}),
    "tokens": (TokenChoiceConfig, MIXTURE | {"top_k": 2}),
    "tokens before": (TokenChoiceConfig, MIXTURE | {"top_k": 2, "gate": "softmax_before", "activation": "silu"}),
    "tokens capacity": (TokenChoiceConfig, MIXTURE | {"top_k": 2, "capacity": 2, "expert": "glu"}),
    "tokens before capacity": (TokenChoiceConfig, MIXTURE | {"top_k": 3, "gate": "softmax_before", "capacity": 3}),
    "tokens k=1": (TokenChoiceConfig, MIXTURE | {"top_k": 1, "gate": "softmax_before"}),
    "tokens k=E": (TokenChoiceConfig, MIXTURE | {"top_k": 4}),
    "experts": (ExpertChoiceConfig, MIXTURE | {"capacity_factor": 1.5}),
    "experts glu": (ExpertChoiceConfig, MIXTURE | {"capacity_factor": 2.0, "expert": "glu", "activation": "gelu_tanh"}),
    "experts f=E": (ExpertChoiceConfig, MIXTURE | {"capacity_factor": 4.0}),
    "pkm": (PKMConfig, ROUTED),
    "pkm all": (PKMConfig, ROUTED | {"query_bias": True, "key_heads": 3, "gate": "sigmoid", "query_norm": "batch"}),
    "pkm layer": (PKMConfig, ROUTED | {"query_norm": "layer", "top_k": 1}),
}
"""Configurations by name."""


def config_of(kind: str, **options: Any) -> ComparisonConfig:
    """The configuration of this name, with changed fields."""
    make, fields = KINDS[kind]
    config: ComparisonConfig = make(**(WIDTHS | fields | options))
    return config


def random_layer(kind: str, dtype: Any = np.float64, seed: int = 0, **options: Any) -> ComparisonLayer:
    """Parameters of order one; a router whose logits are, too; a norm with random parameters."""
    config = config_of(kind, **options)
    rng = np.random.default_rng(seed + 1)
    params = dict(ComparisonLayer.random(config, seed=seed, dtype=np.float64).params)
    for name in params:
        if name.startswith("query_norm") or name == "query.bias":
            params[name] = rng.uniform(0.5, 1.5, params[name].shape)
        if name == "router.weight":
            params[name] = rng.standard_normal(params[name].shape)
        if name == "experts.v":
            params[name] = rng.standard_normal(params[name].shape) / 2
    return ComparisonLayer(config, {name: a.astype(parameter_dtype(name, dtype)) for name, a in params.items()})


def integer_layer(kind: str, dtype: Any = np.float64, seed: int = 0, **options: Any) -> ComparisonLayer:
    """Small integers: every product and sum before a softmax is exact in every dtype of parameters."""
    config = config_of(kind, **({"activation": "relu"} | options) if not kind.startswith("pkm") else options)
    rng = np.random.default_rng(seed)
    params = {name: rng.integers(-2, 3, shape) for name, shape in config.shapes().items()}
    return ComparisonLayer(config, {name: a.astype(parameter_dtype(name, dtype)) for name, a in params.items()})


def tokens_of(layer: ComparisonLayer, *lead: int, seed: int = 7) -> tuple[Any, Any]:
    """Tokens x and upstream gradients dy, of order one, in float64."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((*lead, layer.config.d_model)), rng.standard_normal((*lead, layer.config.d_out))
