"""Whether results for a layer of chapter 15 lie within the bounds of PRC-4, for the selection that they come with."""

from __future__ import annotations

from typing import Any

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded, given
from peerspec.conformance.bounds.comparison import BlockBounds, logit_bounds, memory_gradient_bounds
from peerspec.conformance.bounds.gates import gate_bounds, gates_of_y
from peerspec.conformance.bounds.model import Model, model_for
from peerspec.conformance.bounds.operations import contract, returned
from peerspec.reference.comparison import ComparisonLayer, DenseConfig, PKMConfig

__all__ = ["assert_within", "gradients_within", "logit_bounds", "score_bounds", "y_within"]

Array = Any


def assert_within(got: Array, bound: Bounded, what: str = "") -> None:
    """Every number lies within its bound."""
    off = abs(np.asarray(got, np.float64) - bound.value)
    assert got.shape == bound.value.shape, what
    assert (off <= bound.error).all(), (what, float((off / np.maximum(bound.error, 1e-300)).max()))


def score_bounds(model: Model, layer: ComparisonLayer, x: Array) -> Bounded:
    """The softmax over all experts [T, E]."""
    return gate_bounds(model, "softmax", logit_bounds(model, layer, x))


def y_within(layer: ComparisonLayer, x: Array, got: Array, out: Any) -> None:
    """y [T, M] of tokens that count and are finite is within its bound, for the selection of ``out``."""
    model = model_for(layer.dtype).returning(got.dtype)
    if not isinstance(layer.config, PKMConfig):
        assert_within(got, _blocks(model, layer, x, out).y(), "y")
        return
    gates, ids = np.asarray(out.gates, np.float64), np.asarray(out.indices)
    # the factors in y may differ from the returned gates by as much as two legal results
    scores = Bounded(np.asarray(out.scores, np.float64), np.zeros(gates.shape))
    error = 2 * gates_of_y(model, layer.config.gate, scores).error
    values = given(layer.params["values"][ids])
    terms = layer.config.heads * layer.config.top_k
    assert_within(got, returned(model, contract(model, "thk,thkm->tm", Bounded(gates, error), values, terms)), "y")


def gradients_within(
    layer: ComparisonLayer, x: Array, dy: Array, got: dict[str, Array], out: Any, *, training: bool = True
) -> None:
    """Every gradient is within its bound, for the selection of ``out``, and where all tokens count."""
    model, dy = model_for(layer.dtype).returning(got["x"].dtype), np.asarray(dy, np.float64)
    if isinstance(layer.config, PKMConfig):
        tokens, ids, mask = np.asarray(x, np.float64), np.asarray(out.indices), np.ones(len(x), bool)
        bounds = memory_gradient_bounds(model, model, layer, tokens, dy, mask, ids, training=training)
    else:
        bounds = _blocks(model, layer, x, out).gradients(dy)
    assert got.keys() == bounds.keys()
    for name, gradient in got.items():
        assert_within(gradient, bounds[name], name)
        assert gradient.any() or not bounds[name].value.any(), name


def _blocks(model: Model, layer: ComparisonLayer, x: Array, out: Any) -> BlockBounds:
    tokens = np.asarray(x, np.float64)
    if isinstance(layer.config, DenseConfig):
        return BlockBounds(model, model, layer, tokens, np.ones((len(tokens), 1), bool))
    if hasattr(out, "chosen"):
        return BlockBounds(model, model, layer, tokens, np.asarray(out.chosen))
    ids = np.asarray(out.indices)
    chosen = np.zeros((len(tokens), layer.config.num_experts), bool)
    np.put_along_axis(chosen, ids, np.asarray(out.kept), -1)
    return BlockBounds(model, model, layer, tokens, chosen, ids)
