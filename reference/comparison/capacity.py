"""Capacities: how many tokens an expert takes, in exact arithmetic of whole numbers (SPEC.md, CMP-6)."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from peerspec.files.shown import shown
from peerspec.reference.comparison.fields import require_counts
from peerspec.reference.errors import ConfigError, InputError

__all__ = ["PLACES", "capacity_of", "decimals_of", "slots_per_expert"]

PLACES = 4
"""The most decimals of a factor, so that its products with whole numbers are exact in 64 bits."""


def capacity_of(factor: float, tokens: int, *, num_experts: int, top_k: int) -> int:
    """The capacity ⌈tokens·k·factor/E⌉ of a token-choice layer for calls of so many tokens; at least 1, at most tokens.

    Args:
        factor: more than 0, at most 10⁶, with at most four decimals; 1 is enough for equally frequent choices.
        tokens: the number of tokens of a call, over all leading axes, at least 1.
        num_experts, top_k: as those of ``TokenChoiceConfig``.

    Raises:
        ConfigError: another factor, or another number than a whole one of at least 1.

    Example:
        >>> capacity_of(1.25, 100, num_experts=8, top_k=2)
        32
    """
    require_counts("CMP-6", tokens=tokens, num_experts=num_experts, top_k=top_k)
    return slots_per_expert(tokens, top_k * decimals_of(factor, "CMP-6") / num_experts)


def slots_per_expert(tokens: int, share: Fraction) -> int:
    """⌈tokens·share⌉, at most ``tokens``; 0 for no token."""
    if tokens < 0:
        raise InputError(f"the number of tokens must be at least 0, got {tokens} (CMP-6)")
    return min(tokens, math.ceil(tokens * share))


def decimals_of(factor: Any, clause: str) -> Fraction:
    """The decimal number that a factor is written as: 11/10 for 1.1.

    Raises:
        ConfigError: not a number above 0 and at most 10⁶ with at most four decimals.
    """
    number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if number and 0 < factor <= 10**6:
        exact = Fraction(repr(float(factor)))
        if 10**PLACES % exact.denominator == 0:
            return exact
    raise ConfigError(
        f"capacity_factor must be a number above 0 and at most 1000000 with at most {PLACES} decimals, "
        f"got {shown(factor)} ({clause})"
    )
