"""The layer: query → query norm → half scores → selection → gates → experts (SPEC.md, chapters 2 to 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Int, Shaped
from numpy.typing import DTypeLike

from peerspec.reference.dtypes import input_dtypes
from peerspec.reference.errors import InputError
from peerspec.reference.experts import expert_stage
from peerspec.reference.gates import gates
from peerspec.reference.half_scores import half_scores
from peerspec.reference.layer import Layer
from peerspec.reference.output import Output, Selection
from peerspec.reference.query import query
from peerspec.reference.query_norm import query_norm
from peerspec.reference.selection import select_two_stage

__all__ = ["flatten", "forward", "gather_scores"]


def forward(
    layer: Layer,
    x: Shaped[np.ndarray, "*lead D"],
    *,
    mask: Bool[np.ndarray, "*lead"] | None = None,
    training: bool = False,
    dtype: DTypeLike = np.float64,
    indices: Int[np.ndarray, "*lead h k"] | None = None,
) -> Output:
    """Evaluate the layer.

    Args:
        layer: the layer.
        x: tokens [..., D], with any number of leading axes, also none, of the dtype of the layer; for a float32 layer
            also bfloat16 or float16 (``input_dtypes``).
        mask: [...], True where a token counts for batch statistics (NRM-4); all by default.
        training: with ``query_norm="batch"``, normalise with batch statistics and return the updated running
            statistics.
        dtype: the dtype of the computation and the result, float32 or float64.
        indices: the experts [..., h, k]; selected by default.

    Returns:
        ``Output`` with y [..., M], scores, indices (int64) and gates [..., h, k], and state.

    Raises:
        InputError: shapes or dtypes that do not fit the layer (SHP-1, SHP-2, NRM-5).

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> out = forward(layer, np.ones((5, 4), np.float32))
        >>> out.y.shape, out.indices.shape, out.state
        ((5, 4), (5, 2, 2), None)
    """
    config = layer.config
    tokens, mask, lead = flatten(layer, x, mask)
    tokens = tokens.astype(dtype)
    with np.errstate(invalid="ignore", over="ignore"):  # non-finite tokens are legal input (NFT-1)
        q, state = query_norm(layer, query(layer, tokens), mask=mask, training=training)
        s1, s2 = half_scores(layer, q)
        if indices is None:
            scores, ids = select_two_stage(s1, s2, config.top_k)
        else:
            scores, ids = gather_scores(s1, s2, _check_indices(layer, indices, lead))
        gate = gates(config.gate, scores)
        y = expert_stage(layer, tokens, ids, gate)
    pairs = (*lead, config.heads, config.top_k)
    return Output(y.reshape(*lead, config.d_out), scores.reshape(pairs), ids.reshape(pairs), gate.reshape(pairs), state)


def gather_scores(s1: np.ndarray, s2: np.ndarray, indices: np.ndarray) -> Selection:
    """The scores of given experts: s1_i + s2_j with (i, j) = divmod(id, n) (SCO-4, IDX-1)."""
    i, j = np.divmod(indices, s1.shape[-1])
    return Selection(np.take_along_axis(s1, i, -1) + np.take_along_axis(s2, j, -1), indices)


def flatten(
    layer: Layer, x: np.ndarray, mask: np.ndarray | None, *, mixed: bool = True
) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]]:
    """Check x and mask (SHP-1, SHP-2, PAR-5), and return tokens [T, D], mask [T] and the leading axes.

    Without ``mixed``, x must have the dtype of the layer.
    """
    d_model = layer.config.d_model
    if x.ndim < 1 or x.shape[-1] != d_model:
        raise InputError(f"x must have shape [..., {d_model}], got {x.shape} (SHP-1)")
    if x.dtype not in (allowed := input_dtypes(layer.dtype) if mixed else (layer.dtype,)):
        names = " or ".join(map(str, allowed))
        raise InputError(f"x must be {names} for parameters of {layer.dtype}, got {x.dtype}; convert it (PAR-5)")
    lead = x.shape[:-1]
    mask = np.ones(lead, bool) if mask is None else mask
    if mask.shape != lead or mask.dtype != bool:
        raise InputError(f"mask must be boolean of shape {lead}, got {mask.dtype} of shape {mask.shape} (SHP-2)")
    return x.reshape(-1, d_model), mask.reshape(-1), lead


def _check_indices(layer: Layer, indices: Any, lead: tuple[int, ...]) -> np.ndarray:
    config = layer.config
    shape = (*lead, config.heads, config.top_k)
    if indices.shape != shape or not np.issubdtype(indices.dtype, np.integer):
        raise InputError(f"indices must be integers of shape {shape}, got {indices.dtype} of shape {indices.shape}")
    if indices.size and not (indices.min() >= 0 and indices.max() < config.num_experts):
        raise InputError(f"indices must lie in 0..{config.num_experts - 1}, got {indices.min()}..{indices.max()}")
    return np.asarray(indices, np.int64).reshape(-1, config.heads, config.top_k)
