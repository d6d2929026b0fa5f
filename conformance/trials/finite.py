"""Where half scores are finite in every legal evaluation, so that ids must be distinct (SEL-7)."""

from __future__ import annotations

import numpy as np

from peerspec.conformance.bounds import stages
from peerspec.conformance.bounds.model import LARGEST, model_for
from peerspec.conformance.bounds.query_norm import query_normed
from peerspec.conformance.cases.case import Array, Case
from peerspec.reference import compute_dtype

__all__ = ["certainly_finite"]


def certainly_finite(case: Case) -> Array:
    """[T, h], True where queries and half scores are finite and cannot overflow."""
    layer, model = case.layer, model_for(case.layer.dtype)
    tokens = case.x.reshape(-1, layer.config.d_model).astype(np.float64)
    mask = np.ones(len(tokens), bool) if case.mask is None else case.mask.reshape(-1)
    with np.errstate(all="ignore"):
        raw = stages.query(model, layer, tokens)
        q = query_normed(model, layer, raw, mask, training=case.training).q
        halves = stages.half_scores(model, layer, q)
        largest = [part.reach.max(-1) for part in (raw, q, *halves)]
    return np.asarray(np.maximum.reduce(largest) <= LARGEST[compute_dtype(layer.dtype).name])
