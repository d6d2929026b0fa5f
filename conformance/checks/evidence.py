"""Comparisons that become evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Any

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.compare import Deviation, deviation
from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Evidence
from peerspec.conformance.problems import Hint, HintKind, Problem, ProblemKind, Violation
from peerspec.conformance.trials.layer import Trial

__all__ = ["NARROW", "blocked", "holds", "proportional", "right_after", "sound", "violated", "within"]

NARROW = 2.0**-6
"""A few roundings to bfloat16, 2⁻⁸ each: the coarsest arithmetic that backends use for float32."""
LEAST = 2.0**-14
"""The least normal number of float16: a larger number does not become zero in a narrow dtype."""
AXES: dict[int, Sequence[str]] = {2: ("token", "feature"), 3: ("token", "head", "position")}


def within(
    quantity: str,
    got: Array,
    expected: Bounded,
    where: Array | None = None,
    *,
    clause: str = "",
    axes: Sequence[str] | None = None,
    hints: Callable[[], tuple[Hint, ...]] = tuple,
    u: float = 0.0,
    exact: bool = False,
) -> Iterator[Evidence]:
    """Evidence that every entry lies within its bound.

    Args:
        quantity: what the entries are.
        got, expected: the entries, and their values with bounds.
        where: the entries to compare; all unless given.
        clause: the clause to blame.
        axes: the names of the axes.
        hints: called on a failure for likely causes.
        u: the unit roundoff of the compute dtype; with it, errors no larger than a narrow dtype explains are blamed
            on PRC-2.
        exact: whether this also holds for an entry that must be exact and is not zero.
    """
    worst = deviation(got, expected, where)
    if worst is None:
        return
    if worst.holds:
        yield Evidence(worst.share)
        return
    found = hints()
    rounded = exact and worst.bound == 0 and worst.expected != 0  # any error is infinitely many bounds
    small = rounded or worst.share * u <= NARROW
    if u and small and _narrow(got, expected, where):
        clause, found = "PRC-2", (*found, Hint(HintKind.NARROW_DTYPE))
    yield Evidence(worst.share, _out_of_bound(quantity, worst, axes, found), clause)


def right_after(
    part: str, what: str, old: Bounded, new: Bounded, got_old: Array, got_new: Array, where: Array | None = None
) -> Iterator[Evidence]:
    """Evidence that a part of an answer is right after a change, if it was right before it.

    An answer that mixes old and new values is wrong, but not the old answer. What was wrong before the change is left
    to other checks.
    """
    before = deviation(got_old, old, where)
    if before is not None and before.holds:
        yield from within(f"{part} after a change of {what}", got_new, new, where)


def _out_of_bound(quantity: str, worst: Deviation, axes: Sequence[str] | None, hints: tuple[Hint, ...]) -> Problem:
    names = axes or AXES.get(len(worst.at), [f"axis {i}" for i in range(len(worst.at))])
    numbers = {"expected": worst.expected, "got": worst.got, "bound": worst.bound, "share": worst.share}
    place = dict(zip(names, worst.at, strict=True))
    return Problem(ProblemKind.OUT_OF_BOUND, {"quantity": quantity} | numbers, place, hints)


def _narrow(got: Array, expected: Bounded, where: Array | None) -> bool:
    """Whether no error exceeds what a narrow dtype does to the largest entry."""
    chosen = np.ones(expected.value.shape, bool) if where is None else where
    error = np.abs(np.asarray(got, float) - expected.value)[chosen]
    lost = (np.asarray(got, float)[chosen] == 0) & (np.abs(expected.value[chosen]) > LEAST)
    return bool((error <= NARROW * np.abs(expected.value[chosen]).max()).all() and not lost.any())


def holds(
    condition: bool,
    kind: ProblemKind,
    *hints: Hint,
    clause: str = "",
    where: dict[str, int] | None = None,
    **values: Any,
) -> Evidence:
    """Evidence on a yes-or-no question."""
    return Evidence(0.0) if condition else Evidence(inf, Problem(kind, values, where or {}, hints), clause)


def violated(violation: Violation) -> Evidence:
    """Evidence of a violation."""
    return Evidence(inf, violation.problem, violation.clause)


def blocked(problem: Problem, clause: str = "") -> Evidence:
    """Evidence that a check could not examine the answer because of another problem."""
    return Evidence(inf, problem, clause, blocked=True)


def proportional(got: Array, expected: Array) -> float | None:
    """The constant c ≠ 1 with got = c·expected up to 1 part in 1000, a likely cause to name; None if there is none."""
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    norm = float((expected * expected).sum())
    if not norm or not np.isfinite(got).all():
        return None
    c = float((got * expected).sum()) / norm
    near = np.abs(got - c * expected).max() <= 1e-3 * np.abs(c * expected).max()
    return c if near and c and abs(c - 1) > 1e-3 else None


def sound(examine: Callable[[Trial], Iterator[Evidence]]) -> Callable[[Trial], Iterator[Evidence]]:
    """Examine values only if shapes, dtypes and ids are right."""

    def examine_sound(trial: Trial) -> Iterator[Evidence]:
        if trial.structure:
            clause, problem = trial.structure[0]
            yield blocked(problem, clause)
            return
        yield from examine(trial)

    return examine_sound
