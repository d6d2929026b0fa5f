"""How far the figures of usage may lie from those of the reference, which are of the concatenated routing."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["unevenness_bound"]

ROUNDING = 2.0**-53


def unevenness_bound(counts: np.ndarray, of_sums: float | None = None) -> float:
    """The largest distance of two values of MET-3 from the same gates, none of which is negative.

    A sum of m gates in float64, in any order, has a relative error of at most m · 2⁻⁵³ to first order, so two such sums
    differ by at most δ = 2m · 2⁻⁵³ (or δ = ``of_sums``, where one has a larger error). Then each z is off by 2δ, as a
    quotient of sums, and f = Σ z log z, with derivative 1 + log z, by 2δ · Σ z |1 + log z| ≤ 2δ · (1 + log N). Each of
    the two evaluations makes at most N + 6 roundings of terms whose absolute values sum to at most 1 + log N. The
    factor 2 covers second order.
    """
    logarithm = 1 + math.log(len(counts))
    sums = 2 * int(counts.max()) * ROUNDING if of_sums is None else of_sums
    return 2 * (2 * sums + 2 * (len(counts) + 6) * ROUNDING) * logarithm
