"""Layers in which every parameter matters, with pairwise different sizes, so that a wrong axis does not fit."""

from collections.abc import Callable
from typing import Any

import numpy as np

from peerspec.reference import Layer, PeerConfig, parameter_dtype

MakeLayer = Callable[..., Layer]
SIZES = {"d_model": 5, "heads": 3, "num_experts": 16, "top_k": 6, "d_key": 8, "d_out": 7}


def layer_maker(default: Any, **sizes: int) -> MakeLayer:
    """A function that makes a layer from dtype, seed and configuration fields; a norm has random parameters."""

    def make(dtype: Any = default, seed: int = 0, **options: Any) -> Layer:
        config = PeerConfig(**(SIZES | sizes | options))
        rng = np.random.default_rng(seed + 1)
        params = dict(Layer.random(config, seed=seed, dtype=np.float64).params)
        for name in params:
            if name.startswith("query_norm") or name == "query.bias":
                params[name] = rng.uniform(0.5, 1.5, params[name].shape)
        return Layer(config, {name: array.astype(parameter_dtype(name, dtype)) for name, array in params.items()})

    return make
