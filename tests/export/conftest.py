"""Layers in which every parameter matters, and the judge's word on what a graph returned.

Shapes are pairwise distinct, so that no mistaken axis fits by chance.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from peerspec.conformance.case import Case
from peerspec.conformance.judge.compare import deviation
from peerspec.conformance.trial import Trial
from peerspec.reference import Layer, Output, PeerConfig


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

    def check(layer: Layer, x: Any, *outputs: Any) -> None:
        trial: Any = Trial(Case("graph", False, layer, x), SimpleNamespace())
        trial.answer = SimpleNamespace(value=Output(*outputs))
        assert not trial.structure
        assert (trial.margin.excess <= 0).all()
        for got, expected in (
            (trial.returned_scores, trial.scores),
            (trial.returned_gates, trial.gates),
            (trial.returned_y, trial.y),
        ):
            worst = deviation(got, expected)
            assert worst is not None
            assert worst.holds, worst

    return check
