"""The largest sizes that the kernels take; all else is computed by library operations."""

from __future__ import annotations

__all__ = ["MOST_FEATURES", "MOST_HALF_SCORES", "MOST_PAIRS", "MOST_RANKS", "MOST_SELECTED", "MOST_SUB_KEYS"]

MOST_FEATURES = 8192
"""D and M: a program holds whole rows."""
MOST_SUB_KEYS = 4096
"""n: a program holds the half scores of a token and head."""
MOST_RANKS = 64
"""k: a program holds the staircase."""
MOST_SELECTED = 4096
"""k·d/2: a program holds the sub-keys that a token and head selects of a half."""
MOST_PAIRS = 1 << 30
"""Pairs of a batch, whose places have 32 bits."""
MOST_HALF_SCORES = 1 << 23
"""Half scores held at once: 32 MiB, which the second cache holds."""
