"""The layers of these tests, and the bounds of the suite for the outputs of a graph."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.layers import MakeLayer, layer_maker

from peerspec.conformance.bounds.compare import deviation
from peerspec.conformance.cases.case import Case
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import Layer, Output


@pytest.fixture
def make_layer() -> MakeLayer:
    return layer_maker(np.float32, num_experts=49, d_out=4)


@pytest.fixture
def assert_conforms() -> Callable[..., None]:
    """Check scores, selection, gates and y of a graph by the bounds of the suite (PRC-4)."""

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
