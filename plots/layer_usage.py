"""What the pictures show of one layer, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from peerspec.reference import InputError, unevenness_of_sums, usage_of_counts

__all__ = ["LayerUsage"]


@dataclass(frozen=True, eq=False)
class LayerUsage:
    """How often each expert of a layer was selected, the sums of its gates, and the figures over the steps of a run.

    Args:
        counts: integers [N], N = n².
        gate_sums: [N].
        history: rows of step, usage and unevenness, as ``UsageHistory.rows`` gives them; None for no history.

    Raises:
        InputError: other shapes or dtypes, a negative count, or a number of experts that is no square (CFG-2).

    Example:
        >>> layer = LayerUsage(np.array([3, 0, 0, 1]), np.array([1.5, 0, 0, 0.5]))
        >>> layer.n, layer.usage, layer.selections
        (2, 0.5, 4)
    """

    counts: Int[np.ndarray, " N"]
    gate_sums: Float[np.ndarray, " N"]
    history: Float[np.ndarray, "rows 3"] | None = None

    def __post_init__(self) -> None:
        counts, sums = self.counts, self.gate_sums
        if counts.ndim != 1 or not len(counts) or math.isqrt(len(counts)) ** 2 != len(counts):
            raise InputError(f"counts must have one number for each of N = n² experts, got the shape {counts.shape}")
        if not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0:
            raise InputError(f"counts must be integers from 0 on, got {counts.dtype} from {counts.min()} on")
        if sums.shape != counts.shape:
            raise InputError(f"gate_sums must have the shape {counts.shape} of the counts, got {sums.shape}")
        if self.history is not None and (self.history.ndim != 2 or self.history.shape[1] != 3):
            raise InputError(
                f"history must have rows of step, usage and unevenness, got the shape {self.history.shape}; pass the "
                "rows() of a UsageHistory"
            )

    @property
    def n(self) -> int:
        """Sub-keys per half, √N."""
        return math.isqrt(len(self.counts))

    @property
    def selections(self) -> int:
        """How often any expert was selected."""
        return int(self.counts.sum())

    @property
    def usage(self) -> float:
        """The fraction of the experts that were selected at least once (MET-1)."""
        return usage_of_counts(self.counts)

    @property
    def unevenness(self) -> float:
        """In nats (MET-3)."""
        return unevenness_of_sums(self.gate_sums.astype(np.float64))

    @property
    def top_share(self) -> float:
        """The fraction of all selections that the most selected 1 % of the experts get, NaN where there are none."""
        top = -(-len(self.counts) // 100)
        return float(np.sort(self.counts)[-top:].sum()) / self.selections if self.selections else math.nan
