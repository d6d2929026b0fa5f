"""What checks have in common: comparisons that become evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.bounds.compare import Deviation, deviation
from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Evidence
from peerspec.conformance.trials.layer import Trial

__all__ = ["holds", "proportional", "sound", "within"]


NARROW = 2.0**-6
"""A few roundings to bfloat16, 2⁻⁸ each: the coarsest arithmetic met where float32 is asked."""
LEAST = 2.0**-14
"""The least normal number of float16: what is larger does not become zero in a narrow format."""
AXES: dict[int, Sequence[str]] = {2: ("token", "feature"), 3: ("token", "head", "position")}


def within(
    what: str,
    got: Array,
    expected: Bounded,
    where: Array | None = None,
    *,
    clause: str = "",
    axes: Sequence[str] | None = None,
    hint: Callable[[], str] = lambda: "",
    u: float = 0.0,
) -> Iterator[Evidence]:
    """Evidence that every entry lies within its bound; ``hint`` may add a likely cause to a failure.

    With ``u``, the unit roundoff inside, errors no larger than a narrow format explains are blamed on PRC-2.
    """
    worst = deviation(got, expected, where)
    if worst is None:
        return
    if worst.holds:
        yield Evidence(worst.share)
        return
    names = axes or AXES.get(len(worst.at), [f"axis {i}" for i in range(len(worst.at))])
    at = dict(zip(names, worst.at, strict=True))
    numbers = {"expected": worst.expected, "got": worst.got, "bound": worst.bound}
    problem = _sentence(what, at, worst) + hint()
    if u and worst.share * u <= NARROW and _narrow(got, expected, where):
        clause, problem = "PRC-2", f"{problem}; all errors are small, as if a format inside were too narrow"
    yield Evidence(worst.share, problem, clause, at | numbers)


def _narrow(got: Array, expected: Bounded, where: Array | None) -> bool:
    """Whether no error exceeds what a narrow format does to the largest entry."""
    import numpy as np

    chosen = np.ones(expected.value.shape, bool) if where is None else where
    error = np.abs(np.asarray(got, float) - expected.value)[chosen]
    lost = (np.asarray(got, float)[chosen] == 0) & (np.abs(expected.value[chosen]) > LEAST)
    return bool((error <= NARROW * np.abs(expected.value[chosen]).max()).all() and not lost.any())


def _sentence(what: str, at: dict[str, int], worst: Deviation) -> str:
    place = ", ".join(f"{axis} {index}" for axis, index in at.items())
    size = "must be exact" if worst.bound == 0 else f"{worst.share:.3g} times the bound {worst.bound:.3g}"
    error = abs(worst.got - worst.expected)
    return f"{what} at {place}: expected {worst.expected:.9g}, got {worst.got:.9g}, off by {error:.3g}, {size}"


def holds(condition: bool, problem: str, *, clause: str = "", **where: Any) -> Evidence:
    """Evidence on a yes-or-no question."""
    return Evidence(0.0) if condition else Evidence(float("inf"), problem, clause, where)


def proportional(got: Array, expected: Array) -> float | None:
    """The constant c ≠ 1 with got = c·expected up to 1 part in 1000, a likely cause to name; None if there is none."""
    import numpy as np

    got, expected = np.asarray(got, float), np.asarray(expected, float)
    norm = float((expected * expected).sum())
    if not norm or not np.isfinite(got).all():
        return None
    c = float((got * expected).sum()) / norm
    near = np.abs(got - c * expected).max() <= 1e-3 * np.abs(c * expected).max()
    return c if near and c and abs(c - 1) > 1e-3 else None


def sound(judge: Callable[[Trial], Iterator[Evidence]]) -> Callable[[Trial], Iterator[Evidence]]:
    """Judge values only where shapes, formats and ids are right."""

    def judged(trial: Trial) -> Iterator[Evidence]:
        if trial.structure:
            clause, problem = trial.structure[0]
            yield Evidence(float("inf"), f"not judged, because {problem}", clause, blocked=True)
            return
        yield from judge(trial)

    return judged
