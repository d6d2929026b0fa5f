"""Layers in which every parameter matters, and the judge's word on what a graph returned.

Shapes are pairwise distinct, so that no mistaken axis fits by chance.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from peerspec.conformance.judge import stages
from peerspec.conformance.judge.compare import deviation
from peerspec.conformance.judge.gates import gate_bounds
from peerspec.conformance.judge.model import model_for
from peerspec.conformance.judge.selection import margins
from peerspec.reference import Layer, PeerConfig


@pytest.fixture
def make_layer() -> Callable[..., Layer]:
    def make(dtype: Any = np.float32, seed: int = 0, **options: Any) -> Layer:
        sizes = {"d_model": 5, "heads": 3, "num_experts": 49, "top_k": 6, "d_key": 8, "d_out": 4}
        config = PeerConfig(**(sizes | options))
        rng = np.random.default_rng(seed + 1)
        params = dict(Layer.random(config, seed=seed, dtype=np.float64).params)
        for name in params:
            if name.startswith("query_norm") or name == "query.bias":
                params[name] = rng.uniform(0.5, 1.5, params[name].shape)
        return Layer(config, {name: array.astype(dtype) for name, array in params.items()})

    return make


@pytest.fixture
def assert_conforms() -> Callable[..., None]:
    """Scores, selection, gates and y of a graph within the bounds of the judge (PRC-4)."""

    def check(layer: Layer, x: Any, y: Any, scores: Any, indices: Any, gates: Any) -> None:
        config, model = layer.config, model_for(layer.dtype)
        tokens = x.reshape(-1, config.d_model).astype(np.float64)
        scores, ids, gates = (a.reshape(-1, config.heads, config.top_k) for a in (scores, indices, gates))
        every = np.ones(len(tokens), bool)
        q = stages.query_normed(model, layer, stages.query(model, layer, tokens), every, training=False).q
        s1, s2 = stages.half_scores(model, layer, q)
        bound = stages.gathered_scores(model, s1, s2, ids)
        gate = gate_bounds(model, config.gate, bound)
        mixed = stages.mix(model, layer, stages.pair_weights(model, layer, tokens, ids), gate, ids)
        for got, expected in ((scores, bound), (gates, gate), (y.reshape(-1, config.d_out), mixed)):
            worst = deviation(got, expected)
            assert worst is not None
            assert worst.holds, worst
        # the ids stand as a set: no expert left out beats one taken by more than both bounds (SEL-3)
        assert margins(model, s1, s2, ids).admissible.all()

    return check
