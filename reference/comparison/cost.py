"""The cost of the layers of chapter 15, as closed forms of their configurations (SPEC.md, CMP-7)."""

from __future__ import annotations

import math
from fractions import Fraction
from math import prod

import numpy as np
from numpy.typing import DTypeLike

from peerspec.reference.comparison.config import (
    ComparisonConfig,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
)
from peerspec.reference.config import STATISTICS
from peerspec.reference.cost import Cost, router_flops

__all__ = ["comparison_cost"]


def comparison_cost(config: ComparisonConfig, *, dtype: DTypeLike = np.float32) -> Cost:
    """The cost of a layer whose parameters are stored in ``dtype``; its granularity counts rows of v for each token.

    Example:
        >>> comparison_cost(DenseConfig(d_model=4, d_hidden=8)).flops_per_token
        128
    """
    learned = {name: prod(shape) for name, shape in config.shapes().items() if name not in STATISTICS}
    rows = sum(size for name, size in learned.items() if _is_of_experts(name))
    total = sum(learned.values())
    row, count = _row(config), _rows_per_token(config)
    numbers = math.ceil(count * row)
    return Cost(
        parameters=total,
        active_parameters=total - rows + numbers,
        granularity=math.ceil(count),
        flops_per_token=_router_flops(config) + math.ceil(2 * count * row),
        bytes_per_token=math.ceil(count * row * np.dtype(dtype).itemsize),
    )


def _is_of_experts(name: str) -> bool:
    return name in ("u", "v", "w", "values") or name.startswith("experts.")


def _row(config: ComparisonConfig) -> int:
    """R: the numbers of one hidden neuron, or of one row of values."""
    if isinstance(config, PKMConfig):
        return config.d_out
    return config.d_model * (2 if config.expert == "glu" else 1) + config.d_out


def _rows_per_token(config: ComparisonConfig) -> Fraction:
    """The hidden neurons, or rows of values, that a token uses; of expert choice, on average."""
    if isinstance(config, DenseConfig):
        return Fraction(config.d_hidden)
    if isinstance(config, PKMConfig):
        return Fraction(config.heads * config.top_k)
    if isinstance(config, ExpertChoiceConfig):
        return config.share * config.num_experts * config.d_hidden
    return Fraction(config.top_k * config.d_hidden)


def _router_flops(config: ComparisonConfig) -> int:
    if isinstance(config, DenseConfig):
        return 0
    if isinstance(config, PKMConfig):
        return router_flops(config.retrieval)
    return 2 * config.num_experts * config.d_model
