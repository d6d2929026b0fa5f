"""Layers in which every parameter matters, of shapes pairwise distinct, so that no mistaken axis fits by chance."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from peerspec.reference import Layer, PeerConfig

MakeLayer = Callable[..., Layer]


@pytest.fixture(scope="session")
def make_layer() -> MakeLayer:
    def make(dtype: Any = np.float32, seed: int = 0, **options: Any) -> Layer:
        sizes = {"d_model": 5, "heads": 3, "num_experts": 16, "top_k": 6, "d_key": 8, "d_out": 7}
        config = PeerConfig(**(sizes | options))
        rng = np.random.default_rng(seed + 1)
        params = dict(Layer.random(config, seed=seed, dtype=np.float32).params)
        for name in params:
            if name.startswith("query_norm") or name == "query.bias":
                params[name] = rng.uniform(0.5, 1.5, params[name].shape)
        return Layer(config, {name: array.astype(dtype) for name, array in params.items()})

    return make


@pytest.fixture(scope="session")
def make_integer_layer() -> MakeLayer:
    """Every product and sum is a small integer, or an integer over k: exact in every dtype before it is rounded."""

    def make(dtype: Any, *, tied: bool = False, **options: Any) -> Layer:
        sizes = {"d_model": 5, "heads": 3, "num_experts": 16, "top_k": 4, "d_key": 4, "d_out": 7}
        config = PeerConfig(**(sizes | {"activation": "relu"} | options))
        rng = np.random.default_rng(5)
        params = {name: rng.integers(-2, 3, shape) for name, shape in config.shapes().items()}
        if tied:  # all experts of a head score alike, so that softmax gates are exactly 1/k
            params["keys"] = params["keys"][:, :, :1].repeat(config.n, 2)
        return Layer(config, {name: array.astype(dtype) for name, array in params.items()})

    return make
