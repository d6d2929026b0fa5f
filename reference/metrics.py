"""How evenly a layer uses its experts (SPEC.md, MET-1, MET-3; paper, section 3.3)."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

__all__ = ["expert_usage", "unevenness"]


def expert_usage(indices: Int[np.ndarray, ...], num_experts: int) -> float:
    """The fraction of the N experts that are selected at least once, in [0, 1] (MET-1).

    Example:
        >>> expert_usage(np.array([[0, 3], [3, 3]]), 4)
        0.5
    """
    return len(np.unique(indices)) / num_experts


def unevenness(indices: Int[np.ndarray, ...], gates: Float[np.ndarray, ...], num_experts: int) -> float:
    """log N + Σ z log z in nats, z the normalised sums of gates by expert (MET-3).

    It is 0 if all experts have equal sums, and NaN if the sum of all gates is 0, as for an empty batch.

    Example:
        >>> unevenness(np.array([[0, 1, 2, 3]]), np.full((1, 4), 0.25), 4)
        0.0
        >>> round(unevenness(np.array([[2, 2]]), np.array([[0.5, 0.5]]), 4), 6)  # log 4
        1.386294
    """
    total = np.bincount(indices.ravel(), gates.ravel().astype(np.float64), num_experts)
    if not total.sum():
        return math.nan
    z = total[total > 0] / total.sum()
    return float(np.log(num_experts) + (z * np.log(z)).sum())
