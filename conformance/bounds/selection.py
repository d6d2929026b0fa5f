"""Admissible selections: no omitted expert exceeds a selected one by more than both their bounds (SEL-3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from peerspec.conformance.bounds.bounded import Array, Bounded
from peerspec.conformance.bounds.model import Model
from peerspec.conformance.bounds.operations import add

__all__ = ["Margin", "choice_margins", "margins"]

_CELLS = 1 << 22
"""The number of expert scores in memory at once."""


@dataclass(frozen=True)
class Margin:
    """For each token and head, the best omitted expert compared with the worst selected one.

    Attributes:
        excess: [T, h], lower end of the best omitted score minus upper end of the worst selected one; positive is
            inadmissible; −∞ where no expert is omitted.
        certain: [T, h], True where every legal backend selects the same experts.
        omitted, selected: [T, h], the ids of the best omitted and of the worst selected expert.
        share: [T, h], difference of their scores divided by the sum of their bounds; more than 1 is inadmissible.
    """

    excess: Array
    certain: Array
    omitted: Array
    selected: Array
    share: Array


def margins(model: Model, s1: Bounded, s2: Bounded, ids: Array) -> Margin:
    """Compare the experts of ids [T, h, k] with all others, by half scores [T, h, n]."""
    tokens, heads, k = ids.shape
    n = s1.value.shape[-1]
    first, second, flat = s1.reshape(tokens * heads, n), s2.reshape(tokens * heads, n), ids.reshape(tokens * heads, k)
    step = max(1, _CELLS // (n * n))
    parts = [
        _rows(model, first[at], second[at], flat[at])
        for at in (slice(start, start + step) for start in range(0, max(1, len(flat)), step))
    ]
    return Margin(*(np.concatenate(column).reshape(tokens, heads) for column in zip(*parts, strict=True)))


def choice_margins(score: Bounded, selected: Array) -> Margin:
    """Compare the selected entries of rows [R, N], bool [R, N], with the others of their row; the fields are [R]."""
    low, high = score.value - score.error, score.value + score.error
    best_omitted = np.where(selected, -np.inf, low).argmax(-1)[:, None]
    worst_selected = np.where(selected, high, np.inf).argmin(-1)[:, None]
    everything = selected.all(-1)
    excess = np.where(everything, -np.inf, _at(low, best_omitted) - _at(high, worst_selected))
    certain = everything | (np.where(selected, low, np.inf).min(-1) > np.where(selected, -np.inf, high).max(-1))
    gap = _at(score.value, best_omitted) - _at(score.value, worst_selected)
    share = _share(gap, _at(score.error, best_omitted) + _at(score.error, worst_selected))
    share = np.where(everything, 0.0, share)
    return Margin(excess, certain, best_omitted[:, 0], worst_selected[:, 0], share)


def _rows(model: Model, s1: Bounded, s2: Bounded, ids: Array) -> tuple[Array, ...]:
    """The fields of ``Margin`` for rows of half scores [rows, n] and ids [rows, k]."""
    score = add(model, s1[:, :, None], s2[:, None, :]).reshape(len(ids), s1.value.shape[-1] ** 2)
    selected = np.zeros(score.value.shape, bool)
    np.put_along_axis(selected, ids, True, -1)
    found = choice_margins(score, selected)
    return found.excess, found.certain, found.omitted, found.selected, found.share


def _at(array: Array, where: Array) -> Array:
    return np.take_along_axis(array, where, -1)[:, 0]


def _share(gap: Array, bound: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap <= 0, 0.0, np.where(bound > 0, gap / bound, np.inf))
