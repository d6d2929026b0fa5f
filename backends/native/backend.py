"""The native core with the contract of a backend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec import native
from peerspec.backends.native.gradients import gradients
from peerspec.backends.native.stages import evaluate, expert_tables, router_tables
from peerspec.backends.protocol import LAYER_PROFILES
from peerspec.native.arrays import compute_dtype
from peerspec.native.library import NativeError, unavailable_reason
from peerspec.reference import Layer, Output, Selection
from peerspec.reference.forward import flatten

__all__ = ["forward", "gradients", "name", "profiles", "select"]

if unavailable_reason():  # an error at import: loading this backend by name then fails with one sentence
    raise NativeError(unavailable_reason())

name = "native"
profiles = LAYER_PROFILES


def forward(layer: Layer, x: NDArray[Any], *, mask: NDArray[Any] | None = None, training: bool = False) -> Output:
    """Evaluate the layer; see ``peerspec.reference.forward``, errors included."""
    config = layer.config
    with np.errstate(invalid="ignore", over="ignore"):  # non-finite tokens are legal input (NFT-1)
        if config.query_norm == "none":
            tokens, _, lead = flatten(layer, x, mask)
            found = native.forward(
                router_tables(layer), expert_tables(layer), tokens.astype(compute_dtype(layer.dtype))
            )
            return _shaped(layer, x.dtype, lead, *found, None)
        at = evaluate(layer, x, mask, training=training)
        pairs = (len(at.x), config.heads * config.top_k)
        y = native.expert_stage(expert_tables(layer), at.x, at.ids.reshape(pairs), at.gate.reshape(pairs))
    return _shaped(layer, x.dtype, at.lead, y, at.scores, at.ids, at.gate, at.state)


def _shaped(
    layer: Layer,
    dtype: np.dtype[Any],
    lead: tuple[int, ...],
    y: NDArray[Any],
    scores: NDArray[Any],
    ids: NDArray[Any],
    gate: NDArray[Any],
    state: dict[str, NDArray[Any]] | None,
) -> Output:
    pairs = (*lead, layer.config.heads, layer.config.top_k)
    with np.errstate(over="ignore"):  # of non-finite tokens, as above
        y = y.astype(dtype).reshape(*lead, layer.config.d_out)
    return Output(y, scores.reshape(pairs), ids.reshape(pairs), gate.reshape(pairs), state)


def select(scores1: NDArray[Any], scores2: NDArray[Any], k: int) -> Selection:
    """The selection alone; see ``peerspec.reference.select_exhaustive``, errors included."""
    return native.select(scores1, scores2, k)
