"""Admissible selections: no expert left out beats one taken by more than both their bounds (SEL-3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded, add
from peerspec.conformance.bounds.model import Model

__all__ = ["Margin", "margins"]

_CELLS = 1 << 22  # expert scores looked at together


@dataclass(frozen=True)
class Margin:
    """For each token and head, the best expert left out against the worst one taken.

    Attributes:
        excess: [T, h], lower end of the best left-out score minus upper end of the worst taken one; positive is
            inadmissible, and −∞ where nothing is left out.
        certain: [T, h], True where every legal backend takes the same experts.
        left, taken: [T, h], the ids of these two experts.
        share: [T, h], difference of their scores as a share of both bounds; more than 1 is inadmissible.
    """

    excess: Array
    certain: Array
    left: Array
    taken: Array
    share: Array


def margins(model: Model, s1: Bounded, s2: Bounded, ids: Array) -> Margin:
    """Judge the ids [T, h, k] against half scores [T, h, n]."""
    tokens, heads, k = ids.shape
    n = s1.value.shape[-1]
    rows = [part.reshape(tokens * heads, n) for part in (s1.value, s1.error, s2.value, s2.error)]
    flat = ids.reshape(tokens * heads, k)
    step = max(1, _CELLS // (n * n))
    parts = [
        _rows(model, Bounded(rows[0][at], rows[1][at]), Bounded(rows[2][at], rows[3][at]), flat[at])
        for at in (slice(start, start + step) for start in range(0, max(1, len(flat)), step))
    ]
    columns = [np.concatenate(column).reshape(tokens, heads) for column in zip(*parts, strict=True)]
    return Margin(*columns)


def _rows(model: Model, s1: Bounded, s2: Bounded, ids: Array) -> tuple[Array, ...]:
    score = add(
        model,
        Bounded(s1.value[:, :, None], s1.error[:, :, None]),
        Bounded(s2.value[:, None, :], s2.error[:, None, :]),
    )
    score = score.reshape(len(ids), s1.value.shape[-1] * s2.value.shape[-1])
    taken = np.zeros(score.value.shape, bool)
    np.put_along_axis(taken, ids, True, -1)

    low, high = score.value - score.error, score.value + score.error
    best_left = np.where(taken, -np.inf, low).argmax(-1)[:, None]
    worst_taken = np.where(taken, high, np.inf).argmin(-1)[:, None]
    everything = taken.all(-1)

    def at(array: Array, where: Array) -> Array:
        return np.take_along_axis(array, where, -1)[:, 0]

    excess = np.where(everything, -np.inf, at(low, best_left) - at(high, worst_taken))
    certain = everything | (np.where(taken, low, np.inf).min(-1) > np.where(taken, -np.inf, high).max(-1))
    gap = at(score.value, best_left) - at(score.value, worst_taken)
    bound = at(score.error, best_left) + at(score.error, worst_taken)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(everything | (gap <= 0), 0.0, np.where(bound > 0, gap / bound, np.inf))
    return excess, certain, best_left[:, 0], worst_taken[:, 0], share
