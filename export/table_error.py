"""The error that tables in fewer bytes cause in y (SPEC.md, ONX-10)."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from peerspec.export.tables import Tables, is_table, rounded
from peerspec.reference import Layer
from peerspec.reference.experts import expert_stage
from peerspec.reference.forward import forward

__all__ = ["table_error"]

_TOKENS = 64


def table_error(layer: Layer, tables: Tables) -> float:
    """‖ŷ − y‖ / ‖y‖ in float64, ŷ with narrowed tables, over 64 standard normal tokens (ONX-10)."""
    x = np.random.default_rng(0).standard_normal((_TOKENS, layer.config.d_model), np.float32)
    original = forward(layer, x)
    assert original.indices is not None  # the reference shows its routing
    assert original.gates is not None
    selected, ids = np.unique(original.indices, return_inverse=True)
    rounded_layer, tokens = _rounded_layer(layer, selected, tables), x.astype(np.float64)
    ids = ids.reshape(original.indices.shape)
    y = expert_stage(rounded_layer, tokens, ids, original.gates)
    size = float(np.linalg.norm(original.y))
    return float(np.linalg.norm(y - original.y)) / size if size else 0.0


def _rounded_layer(layer: Layer, selected: NDArray[np.int64], tables: Tables) -> Layer:
    """A small layer whose first experts are the ``selected`` ones with rounded tables; the rest of it is not used."""
    side = math.isqrt(max(len(selected), layer.config.top_k) - 1) + 1
    config = replace(layer.config, num_experts=side**2)
    params = {name: array for name, array in layer.params.items() if not is_table(name)}
    params["keys"] = np.zeros(config.shapes()["keys"], np.float32)
    for name, shape in config.shapes().items():
        if is_table(name):
            params[name] = np.resize(rounded(name, layer.params[name][selected], tables), shape)
    return Layer(config, {name: params[name] for name in config.shapes()})
