"""Whether the answers of a layer of chapter 15 follow a change of x, dy, the mask or one parameter.

A change lies in the arrays of the call before, which an answer or a table kept by its address does not see, and then in
others. Between two calls for gradients there is one of ``comparison`` for other values.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.bounds.bounded import Bounded
from peerspec.conformance.cases.case import Array, ComparisonCase
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.comparing import comparison_check, rows
from peerspec.conformance.checks.evidence import holds, right_after
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.comparison import ComparisonTrial
from peerspec.conformance.trials.layer import Unsound
from peerspec.conformance.trials.parts import moved
from peerspec.conformance.trials.stale import stale_row

__all__ = ["following_check"]


def following_check(profile: str) -> Check:
    """The check ``<profile>.follow``; it comes last, for what is ignored breaks a clause of its own."""
    return comparison_check(
        profile,
        "follow",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        examine_follow,
        "Do y and gradients follow a change of x, dy, the mask or one parameter?",
        cases="follow",
    )


def examine_follow(trial: ComparisonTrial) -> Iterator[Evidence]:
    """Ask again, then with one change; the same for gradients."""
    for in_place in (True, False):
        for what, case in _changes(trial.case):
            part = moved(trial.output, trial.later(in_place=in_place).output)
            yield holds(part is None, ProblemKind.NOT_REPEATED, part=part)
            after = trial.later(case, in_place=in_place)
            part = stale_row(_expected(trial), _expected(after), _returned(trial), _returned(after))
            yield holds(part is None, ProblemKind.STALE_FOR_CHANGE, what=what, part=part, method="comparison")
            for name, expected in _expected(after).items():
                got = (_returned(each)[name] for each in (trial, after))
                yield from right_after(name, what, _expected(trial)[name], expected, *got)
            yield from _gradients(trial, after, what, in_place=in_place)


def _gradients(trial: ComparisonTrial, after: ComparisonTrial, what: str, *, in_place: bool) -> Iterator[Evidence]:
    if trial.case.dy is None or trial.gradient_violation:
        return
    name = moved(trial.gradient_answer.value, trial.call_gradients(in_place=in_place).value)
    yield holds(name is None, ProblemKind.GRADIENT_NOT_REPEATED, names=[name])
    after.gradient_answer = after.call_gradients(in_place=in_place)
    if after.gradient_violation:
        raise Unsound(after.gradient_violation)
    answers = trial.gradient_answer.value, after.gradient_answer.value
    name = stale_row(trial.gradients, after.gradients, *answers)
    part, method = f"the gradient of {name}", "comparison_gradients"
    yield holds(name is None, ProblemKind.STALE_FOR_CHANGE, what=what, part=part, method=method)
    for name, expected in after.gradients.items():
        got = (each.gradient_answer.value[name].reshape(expected.value.shape) for each in (trial, after))
        yield from right_after(f"the gradient of {name}", what, trial.gradients[name], expected, *got)


def _changes(case: ComparisonCase) -> Iterator[tuple[str, ComparisonCase]]:
    yield "x", replace(case, x=case.x * case.x.dtype.type(-2))
    if case.dy is not None:
        yield "dy", replace(case, dy=case.dy * case.dy.dtype.type(-2))
    if case.mask is not None:
        yield "the mask", replace(case, mask=~case.mask)
    layer = case.layer
    for name, array in layer.params.items():
        other = array * array.dtype.type(4 if name == "query_norm.var" else -2)  # a variance is not negative
        yield name, replace(case, layer=type(layer)(layer.config, dict(layer.params) | {name: other}))


def _expected(trial: ComparisonTrial) -> dict[str, Bounded]:
    """y: 0 of tokens that do not count in a mixture (CMP-5), and with an error of infinity where it is not judged."""
    y, counted, judged = trial.y, *(rows(where, trial.y.value) for where in (trial.counted, trial.judged))
    error = np.where(judged, y.error, np.inf)
    return {"y": Bounded(np.where(counted, y.value, 0), np.where(counted, error, 0))}


def _returned(trial: ComparisonTrial) -> dict[str, Array]:
    return {"y": trial.returned("y")}
