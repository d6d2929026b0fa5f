"""Gradients through the query norm with their bounds (GRD-7, GRD-9)."""

from __future__ import annotations

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, given
from peerspec.conformance.bounds.model import DIVIDE, Model
from peerspec.conformance.bounds.operations import divide, multiply, one_sum, sum_over
from peerspec.conformance.bounds.query_norm import Normed, constant
from peerspec.reference import Layer

__all__ = ["norm_gradients"]


def norm_gradients(
    model: Model, layer: Layer, normed: Normed, dq: Bounded, mask: Array, *, training: bool = True
) -> tuple[dict[str, Bounded], Bounded]:
    """The gradients of scale and bias, and of the query before the norm; without a norm, none and dq itself."""
    if normed.unit is None or normed.std is None:
        return {}, dq
    unit, scale = normed.unit, given(layer.params["query_norm.scale"])
    grads = {
        "query_norm.scale": sum_over(model, multiply(model, dq, unit), 0),
        "query_norm.bias": sum_over(model, dq, 0),
    }
    dunit = multiply(model, dq, scale)
    if layer.config.query_norm == "batch" and not training:
        return grads, divide(model, dunit, normed.std)
    return grads, divide(model, _centred(model, layer, unit, dunit, mask), normed.std)


def _centred(model: Model, layer: Layer, unit: Bounded, dunit: Bounded, mask: Array) -> Bounded:
    """dunit minus its mean and minus its component along unit, over the counted tokens or the features of a token."""
    if layer.config.query_norm == "batch":
        axis, counted, number = 0, mask[:, None, None].astype(float), mask.sum()
    else:
        axis, counted, number = -1, np.ones(1), dunit.value.shape[-1]
    factor = constant(model, 1 / number, DIVIDE)  # of each term or of their sum
    mean = sum_over(model, multiply(model, factor, dunit), axis, keepdims=True)
    along = sum_over(model, multiply(model, factor, multiply(model, dunit, unit)), axis, keepdims=True)
    slope = multiply(model, unit, along)
    parts = one_sum(dunit, *(multiply(model.exact(), given(-counted), part) for part in (mean, slope)))
    # γ_5: two additions; where 1/m is a factor of the whole, m·dunit, and 1/m in a further product.
    return Bounded(parts.value, parts.error + model.gamma(5) * parts.size)
