"""What a layer costs, as closed forms of its configuration (SPEC.md, CST-1 … CST-4)."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from peerspec.reference.config import STATISTICS, PeerConfig

__all__ = ["Cost", "cost"]


@dataclass(frozen=True)
class Cost:
    """The cost of one layer.

    Attributes:
        parameters: P, all learned numbers; running statistics are not learned.
        active_parameters: those that one token's output depends on: router and h·k experts (CST-1).
        granularity: G = h·k (paper, eq. 10) (CST-2).
        flops_per_token: multiplications and additions of the two-stage forward, each counted once (CST-3).
        bytes_per_token: the least traffic to the expert tables, when no row is reused (CST-4).
    """

    parameters: int
    active_parameters: int
    granularity: int
    flops_per_token: int
    bytes_per_token: int


def cost(config: PeerConfig, *, dtype: DTypeLike = np.float32) -> Cost:
    """The closed forms for a configuration whose tables are stored in ``dtype``."""
    learned = {name: prod(shape) for name, shape in config.shapes().items() if name not in STATISTICS}
    experts = sum(size for name, size in learned.items() if name.startswith("experts."))
    row = experts // config.num_experts
    pairs = config.heads * config.top_k
    total = sum(learned.values())
    return Cost(
        parameters=total,
        active_parameters=total - experts + pairs * row,
        granularity=pairs,
        flops_per_token=_router_flops(config) + 2 * pairs * row,
        bytes_per_token=pairs * row * np.dtype(dtype).itemsize,
    )


def _router_flops(config: PeerConfig) -> int:
    """Query product, both half-score products, and one addition per cell of the k' × k' grid."""
    query = 2 * config.heads * config.d_key * config.d_model
    halves = 2 * config.heads * config.n * config.d_key
    grid = config.heads * min(config.top_k, config.n) ** 2
    return query + halves + grid
