"""Whether another program's result for a layer lies within the bounds of SPEC.md, chapter 7."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.conformance.bounds import stages
from peerspec.conformance.bounds.compare import deviation
from peerspec.conformance.bounds.gates import gates_of_y
from peerspec.conformance.bounds.model import model_for
from peerspec.conformance.bounds.query_norm import query_normed
from peerspec.conformance.bounds.selection import margins
from peerspec.reference import Layer


def assert_within_bounds(
    layer: Layer, x: NDArray[Any], y: NDArray[Any] | None, ids: NDArray[Any], scores: NDArray[Any]
) -> None:
    """Check a selection (SEL-3), its scores (SCO-4) and y (OUT-1) against PRC-4; None for a y that is not compared.

    Args:
        layer: the layer.
        x: tokens [T, D].
        y: [T, M].
        ids: [T, h, k].
        scores: [T, h, k].
    """
    model, tokens = model_for(layer.dtype), x.astype(np.float64)
    raw = stages.query(model, layer, tokens)
    q = query_normed(model, layer, raw, np.ones(len(x), bool), training=False).q
    s1, s2 = stages.half_scores(model, layer, q)
    expected = stages.gathered_scores(model, s1, s2, ids)
    worst = deviation(scores, expected)
    assert worst is not None
    assert worst.holds, worst
    assert (margins(model, s1, s2, ids).excess <= 0).all(), "an expert outside exceeds one inside beyond both bounds"
    if y is not None:
        weights = stages.pair_weights(model, model, layer, tokens, ids)
        worst = deviation(y, stages.output(model, layer, weights, gates_of_y(model, layer.config.gate, expected), ids))
        assert worst is not None
        assert worst.holds, worst
