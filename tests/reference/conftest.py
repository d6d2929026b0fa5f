"""Layers in which every parameter matters: norms have random scales, shifts and statistics.

Shapes are pairwise distinct, so that no mistaken axis fits by chance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from peerspec.reference import Layer, PeerConfig

MakeLayer = Callable[..., Layer]


@pytest.fixture
def make_layer() -> MakeLayer:
    def make(dtype: Any = np.float64, seed: int = 0, **options: Any) -> Layer:
        sizes = {"d_model": 5, "heads": 3, "num_experts": 16, "top_k": 6, "d_key": 8, "d_out": 7}
        config = PeerConfig(**(sizes | options))
        rng = np.random.default_rng(seed + 1)
        params = dict(Layer.random(config, seed=seed, dtype=np.float64).params)
        for name in params:
            if name.startswith("query_norm") or name == "query.bias":
                params[name] = rng.uniform(0.5, 1.5, params[name].shape)
        return Layer(config, {name: array.astype(dtype) for name, array in params.items()})

    return make
