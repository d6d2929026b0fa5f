"""Whether an answer is that of before a change.

Three facts together prove it: the numbers of before the change are right there; the definition has numbers of after the
change that lie further from them than both bounds allow; and yet the bits are those of before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.cases.case import Array
from peerspec.conformance.trials.gradients import GradientTrial
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.selection import SelectionTrial

__all__ = ["Judged", "judged", "stale_gradient", "stale_part", "stale_row", "stale_selection"]


@dataclass(frozen=True)
class Judged:
    """A part of two answers: its name, what is right for each, what was returned, and the rows that are judged."""

    name: str
    old: Bounded
    new: Bounded
    got_old: Array
    got_new: Array
    rows: Array


def stale_part(before: Trial, after: Trial) -> str | None:
    """The first part of the answer that stayed as it was before a change of the case, for all that had to change."""
    for part in judged(before, after):
        if _stayed(part.old, part.new, part.got_old, part.got_new, part.rows):
            return part.name
    return "the selection" if _selection_stayed(before, after) else None


def stale_gradient(before: GradientTrial, after: GradientTrial) -> str | None:
    """The name of a gradient that stayed as it was in a whole row."""
    name = stale_row(before.expected, after.expected, before.returned, after.returned)
    return f"the gradient of {name}" if name else None


def stale_row(
    old: Mapping[str, Bounded], new: Mapping[str, Bounded], got_old: Mapping[str, Array], got_new: Mapping[str, Array]
) -> str | None:
    """The first array, of those with expected values, that stayed as it was where it had to change."""
    for name, expected in old.items():
        shape = expected.value.shape
        got = (got_old[name].reshape(shape), got_new[name].reshape(shape))
        if _stayed(expected, new[name], *got, np.ones(shape[:1], bool)):
            return name
    return None


def stale_selection(before: SelectionTrial, after: SelectionTrial) -> bool:
    """Whether a row of the selection stayed as it was, right before the change and wrong after it."""
    k = before.halves.k
    old, right, now, wrong = (
        found.indices.reshape(-1, k) for found in (before.selection, before.expected, after.selection, after.expected)
    )
    rows = (old == right).all(-1) & (old == now).all(-1) & (now != wrong).any(-1)
    return bool(rows.any())


def judged(before: Trial, after: Trial) -> Iterator[Judged]:
    """The parts of both answers."""
    known = before.finite & after.finite
    if not before.shows_routing:
        known = known & before.certain_for_all & after.certain_for_all
    if before.shows_routing and after.shows_routing:
        yield Judged("scores", before.scores, after.scores, before.returned_scores, after.returned_scores, known)
    yield Judged("y", before.y, after.y, before.returned_y, after.returned_y, known)
    states = before.query.state or {}, after.query.state or {}
    for name in states[0].keys() & states[1].keys():
        old, new = (np.asarray((trial.output.state or {})[name]) for trial in (before, after))
        yield Judged(name, states[0][name], states[1][name], old, new, np.ones(len(old), bool))


def _stayed(old: Bounded, new: Bounded, got_old: Array, got_new: Array, rows: Array) -> bool:
    """Whether something had to change, and all that had to was right before and has the old bits."""
    flat = [np.asarray(part).reshape(len(rows), -1) for part in (got_old, got_new)]
    a, b = (part.astype(np.float64) for part in flat)
    (x, dx), (y, dy) = ((part.value.reshape(a.shape), part.error.reshape(a.shape)) for part in (old, new))
    with np.errstate(invalid="ignore"):
        apart = np.abs(x - y) > dx + dy
        right = np.abs(a - x) <= dx
    apart &= rows[:, None]
    return bool(apart.any() and (a == b)[apart].all() and right[apart].all() and a[apart].any())


def _selection_stayed(before: Trial, after: Trial) -> bool:
    """Whether all selections were admissible and are still the same, and some are not admissible any more."""
    if not before.shows_routing or not before.ids.size:
        return False
    same = (np.sort(before.ids, -1) == np.sort(after.ids, -1)).all(-1)
    excess = [trial.margin.excess for trial in (before, after)]
    return bool(same.all() and (excess[0] <= 0).all() and (excess[1] > 0).any())
