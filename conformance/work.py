"""The expected work of a case, for the order of a run and its remaining time: an estimate that decides no verdict."""

from __future__ import annotations

from math import log2, prod
from typing import Any

from peerspec.conformance.cases import Exploration, SelectionCase
from peerspec.reference import PeerConfig

__all__ = ["multiplications", "work"]

TOKENS = 16
"""Tokens of most fixed cases, about."""
_CALL = 1 << 19
"""Numbers that are read and multiplied in the time of one call of a small layer."""


def work(definition: Any, checks: int) -> float:
    """The expected work of a case that so many checks examine; 1 for the smallest case."""
    if isinstance(definition, Exploration):
        return 2.0 * definition.examples
    if isinstance(definition, SelectionCase):
        return 1 + 8 * definition.n * (1 + log2(definition.n)) / _CALL
    if hasattr(definition, "layer_config"):
        return 1 + checks / 4
    if (config := getattr(definition, "config", None)) is None:  # the tokens of a layer that is given
        return 1.0
    designed = getattr(definition, "recipe", None)
    tokens, calls = (prod(designed.lead), 4.0) if designed else (TOKENS, 1 + checks / 4)
    return calls * (1 + (_numbers(config) + multiplications(config, tokens)) / _CALL)


def multiplications(config: PeerConfig, tokens: int) -> int:
    """Multiplications of one forward call: queries, half scores, and the selected experts."""
    c = config
    pairs = c.heads * c.top_k * (c.d_model * (2 if c.expert == "glu" else 1) + c.d_out)
    return tokens * (c.heads * c.d_key * (c.d_model + c.n) + pairs)


def _numbers(config: PeerConfig) -> int:
    """Numbers in the expert tables."""
    c = config
    return c.num_experts * (c.d_model * (2 if c.expert == "glu" else 1) + c.d_out)
