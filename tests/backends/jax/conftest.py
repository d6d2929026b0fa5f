"""The layers of these tests."""

from typing import Any

import numpy as np
import pytest
from support.layers import MakeLayer, layer_maker

from peerspec.reference import Layer, PeerConfig, parameter_dtype


@pytest.fixture(scope="session")
def make_layer() -> MakeLayer:
    return layer_maker(np.float32)


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
        return Layer(config, {name: array.astype(parameter_dtype(name, dtype)) for name, array in params.items()})

    return make
