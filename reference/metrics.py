"""How evenly a layer uses its experts (SPEC.md, MET-1, MET-3; paper, section 3.3)."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float, Int

__all__ = ["expert_usage", "unevenness", "unevenness_of_sums", "usage_of_counts"]


def expert_usage(indices: Int[np.ndarray, ...], num_experts: int) -> float:
    """The fraction of the N experts that are selected at least once, in [0, 1] (MET-1).

    Example:
        >>> expert_usage(np.array([[0, 3], [3, 3]]), 4)
        0.5
    """
    return len(np.unique(indices)) / num_experts


def usage_of_counts(counts: Int[np.ndarray, " N"]) -> float:
    """``expert_usage`` from how often each expert was selected.

    Example:
        >>> usage_of_counts(np.array([1, 0, 0, 3]))
        0.5
    """
    return int(np.count_nonzero(counts)) / len(counts)


def unevenness(indices: Int[np.ndarray, ...], gates: Float[np.ndarray, ...], num_experts: int) -> float:
    """log N + Σ z log z in nats, z the normalised sums of gates by expert (MET-3).

    It is 0 if all experts have equal sums, and NaN if the sum of all gates is 0, as for an empty batch.

    Example:
        >>> unevenness(np.array([[0, 1, 2, 3]]), np.full((1, 4), 0.25), 4)
        0.0
        >>> round(unevenness(np.array([[2, 2]]), np.array([[0.5, 0.5]]), 4), 6)  # log 4
        1.386294
    """
    return unevenness_of_sums(np.bincount(indices.ravel(), gates.ravel().astype(np.float64), num_experts))


def unevenness_of_sums(gate_sums: Float[np.ndarray, " N"]) -> float:
    """``unevenness`` from the sum of the gates of each expert.

    Example:
        >>> unevenness_of_sums(np.array([0.25, 0.25, 0.25, 0.25]))
        0.0
    """
    if not gate_sums.sum():
        return math.nan
    z = gate_sums[gate_sums > 0] / gate_sums.sum()
    return float(np.log(len(gate_sums)) + (z * np.log(z)).sum())
