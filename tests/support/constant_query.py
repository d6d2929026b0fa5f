"""Layers whose queries are 1 for every token, to see what running averages of a constant become."""

from typing import Any

import numpy as np

from peerspec.reference import Layer, PeerConfig

STEPS = 200
"""0.9²⁰⁰ is 7·10⁻¹⁰: the average of a constant is the constant to within float32."""
ACCURACY = 40 * 2.0**-24
"""A step rounds two constants, two products and a sum, by at most 4u; the errors of all steps sum to ten times that."""


def constant_query_layer(dtype: Any) -> Layer:
    """Query norm batch, W = 0 and b = 1; the running mean starts at 0."""
    layer = Layer.random(PeerConfig(3, 1, 9, 2, 4, query_bias=True, query_norm="batch"), dtype=dtype)
    params = dict(layer.params)
    params["query.weight"], params["query.bias"] = (
        np.full(params[name].shape, value, layer.dtype) for name, value in (("query.weight", 0), ("query.bias", 1))
    )
    return Layer(layer.config, params)


def tokens(dtype: Any) -> Any:
    """Any tokens."""
    return np.ones((2, 3), dtype)
