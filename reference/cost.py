"""The cost of a layer, as closed forms of its configuration (SPEC.md, CST-1 … CST-4)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from peerspec.reference.config import STATISTICS, PeerConfig

__all__ = ["Cost", "cost", "router_flops"]


@dataclass(frozen=True)
class Cost:
    """The cost of one layer.

    Attributes:
        parameters: P, all learned numbers, without running statistics.
        active_parameters: those that the output of one token depends on: router and h·k experts (CST-1).
        granularity: G = h·k (paper, eq. 10) (CST-2).
        flops_per_token: multiplications and additions of the two-stage forward pass, each counted as one (CST-3).
        bytes_per_token: bytes read from the expert tables if no row is reused (CST-4).
    """

    parameters: int
    active_parameters: int
    granularity: int
    flops_per_token: int
    bytes_per_token: int


def cost(config: PeerConfig, *, dtype: DTypeLike = np.float32) -> Cost:
    """The cost of a layer whose tables are stored in ``dtype``.

    Example:
        >>> cost(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=3, d_key=4)).granularity
        6
    """
    learned = {name: prod(shape) for name, shape in config.shapes().items() if name not in STATISTICS}
    experts = sum(size for name, size in learned.items() if name.startswith("experts."))
    row = experts // config.num_experts
    pairs = config.heads * config.top_k
    total = sum(learned.values())
    return Cost(
        parameters=total,
        active_parameters=total - experts + pairs * row,
        granularity=pairs,
        flops_per_token=router_flops(config) + 2 * pairs * row,
        bytes_per_token=pairs * row * np.dtype(dtype).itemsize,
    )


def router_flops(config: PeerConfig) -> int:
    """The product of the query, those of both half scores, and one addition per cell of the grid of min(k, n)² sums."""
    query = 2 * config.heads * config.d_key * config.d_model
    halves = 2 * config.heads * config.n * config.d_key
    grid = config.heads * min(config.top_k, config.n) ** 2
    return query + halves + grid
