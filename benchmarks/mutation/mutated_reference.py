"""The reference as a backend, from the stages beside this file; all selections and given indices have a part in it."""

from __future__ import annotations

from typing import Any

import numpy as np
from stage_forward import forward as reference_forward
from stage_gradients import gradients as reference_gradients
from stage_selection import select_exhaustive, select_staircase

from peerspec.backends.protocol import LAYER_PROFILES
from peerspec.reference import Layer, Output, Selection, compute_dtype

name, profiles = "mutated reference", LAYER_PROFILES
SMALL = 64
"""The largest number of experts that are sorted all."""


def forward(layer: Layer, x: Any, *, mask: Any = None, training: bool = False) -> Output:
    out = reference_forward(layer, x, mask=mask, training=training)
    dtype = compute_dtype(layer.dtype)
    state = out.state and {key: value.astype(dtype) for key, value in out.state.items()}
    with np.errstate(over="ignore"):
        scores, gates = (part.astype(dtype) for part in (out.scores, out.gates))
        return Output(out.y.astype(x.dtype), scores, out.indices, gates, state)


def select(scores1: Any, scores2: Any, k: int) -> Selection:
    few = scores1.shape[-1] ** 2 <= SMALL
    return (select_exhaustive if few else select_staircase)(scores1, scores2, k)


def gradients(layer: Layer, x: Any, dy: Any, *, mask: Any = None, training: bool = True) -> dict[str, Any]:
    indices = reference_forward(layer, x, mask=mask, training=training).indices
    found = reference_gradients(layer, x, dy, mask=mask, training=training, indices=indices)
    return {key: grad.astype(x.dtype if key == "x" else layer.dtype) for key, grad in found.items()}
