"""The stages of the layer in the compute dtype: the core computes them, NumPy the query norm."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped
from numpy.typing import NDArray

from peerspec import native
from peerspec.native.arrays import compute_dtype
from peerspec.reference import Layer
from peerspec.reference.forward import flatten
from peerspec.reference.query_norm import query_norm

__all__ = ["Stages", "evaluate", "expert_tables", "router_tables"]


class Stages(NamedTuple):
    """The results of the stages of T tokens, all in the compute dtype except ids and mask.

    Attributes:
        x, mask, lead: tokens [T, D], whether each counts [T], and the leading axes of the input.
        raw, q: [T, h, d], queries before and after the query norm.
        scores, ids, gate: [T, h, k].
        state: updated running statistics, or None.
    """

    x: Float[np.ndarray, "T D"]
    mask: Bool[np.ndarray, " T"]
    lead: tuple[int, ...]
    raw: Float[np.ndarray, "T h d"]
    q: Float[np.ndarray, "T h d"]
    scores: Float[np.ndarray, "T h k"]
    ids: Int[np.ndarray, "T h k"]
    gate: Float[np.ndarray, "T h k"]
    state: dict[str, NDArray[Any]] | None


def evaluate(layer: Layer, x: Shaped[np.ndarray, "*lead D"], mask: NDArray[Any] | None, *, training: bool) -> Stages:
    """All stages before the experts; arguments and errors as ``peerspec.reference.forward``."""
    tokens, counted, lead = flatten(layer, x, mask)
    tokens = tokens.astype(compute_dtype(layer.dtype))
    router = router_tables(layer)
    raw = native.query(router, tokens)
    q, state = query_norm(layer, raw, mask=counted, training=training)
    scores, ids = native.retrieve(router, q)
    return Stages(tokens, counted, lead, raw, q, scores, ids, native.gates(layer.config.gate, scores), state)


def router_tables(layer: Layer) -> native.RouterTables:
    """The query and sub-key tables of the layer; a table that is not contiguous is copied."""
    params = {name: np.require(table, None, "C") for name, table in layer.params.items() if "experts." not in name}
    bias = params.get("query.bias")
    return native.RouterTables(params["query.weight"], params["keys"], layer.config.top_k, bias, layer.config.gate)


def expert_tables(layer: Layer) -> native.ExpertTables:
    """The expert tables of the layer; a table that is not contiguous is copied."""
    tables = {name[-1]: np.require(table, None, "C") for name, table in layer.params.items() if "experts." in name}
    return native.ExpertTables(tables["u"], tables["v"], tables.get("w"), layer.config.activation)
