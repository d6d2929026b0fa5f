"""The profile ``trainable``: steps leave what they may not change, and change the rest as they would without limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.bits import differing, first_place
from peerspec.conformance.checks.evidence import blocked, holds, violated, within
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.trainable import PARTS, Part, TrainableTrial
from peerspec.reference import gradients
from peerspec.reference.config import STATISTICS

__all__ = ["TRAINABLE_CHECKS"]


def _outside(trial: TrainableTrial) -> Iterator[Evidence]:
    """From the first step on, and after a step on the whole layer, whose momentum must not go on."""
    if trial.violation:
        yield violated(trial.violation)
        return
    for part in PARTS:
        for whole in (0, 1):
            before = trial.after(part, whole=whole, steps=whole) if whole else dict(trial.case.layer.params)
            after = trial.after(part, whole=whole, steps=trial.steps)
            yield from _kept(trial, part, whole + 1, before, after)


def _kept(
    trial: TrainableTrial, part: Part, step: int, before: dict[str, Array], after: dict[str, Array]
) -> Iterator[Evidence]:
    for name, mask in _masks(trial, part).items():
        changed = differing(before[name], after[name]) & ~np.broadcast_to(mask, before[name].shape)
        clause = "TRN-4" if name in STATISTICS else ""
        values: dict[str, Any] = {"part": part.name, "name": name, "step": step, "at": first_place(changed)}
        yield holds(not changed.any(), ProblemKind.TRAINED_OUTSIDE, clause=clause, **values)


def _masks(trial: TrainableTrial, part: Part) -> dict[str, Array]:
    """Where each parameter may change, running statistics included."""
    config = trial.case.layer.config
    found = dict(part.of(config).masks(config))
    return found | {name: np.array(part.statistics) for name in STATISTICS if name in config.shapes()}


def _inside(trial: TrainableTrial) -> Iterator[Evidence]:
    """Each trainable parameter changes in the first step, if a legal gradient of it is not zero."""
    if trial.violation:
        yield blocked(trial.violation.problem, trial.violation.clause)
        return
    layer, case = trial.case.layer, trial.case
    assert case.dy is not None
    for part in PARTS:
        after = trial.after(part, whole=0, steps=1)
        expected = gradients(layer, case.x[0], case.dy[0], training=part.statistics)
        for name, mask in part.of(layer.config).masks(layer.config).items():
            due = (np.abs(expected[name]) > np.abs(expected[name]).max() / 2) & mask
            moved = differing(layer.params[name], after[name]) & mask
            if due.any():
                yield holds(bool(moved.any()), ProblemKind.NOT_TRAINED, part=part.name, name=name)
        if part.statistics:
            yield from _statistics(trial, after)


def _statistics(trial: TrainableTrial, after: dict[str, Array]) -> Iterator[Evidence]:
    """The running statistics of a step are those of the mode training."""
    first = Trial(replace(trial.case, x=trial.case.x[0], dy=None, training=True), trial.host)
    for name, expected in (first.query.state or {}).items():
        yield from within(f"{name} after a step", after[name], expected, axes=("head", "feature"), clause="TRN-4")


def _alike(trial: TrainableTrial) -> Iterator[Evidence]:
    """The gradients of exact data have the same bits with and without limits; so must the first step.

    Those of the router are exact only where the score is 0.
    """
    if trial.violation:
        yield blocked(trial.violation.problem, trial.violation.clause)
        return
    routed = trial.case.layer.config.gate == "sigmoid"
    for part in PARTS:
        whole, limited = trial.after(part, whole=1, steps=1), trial.after(part, whole=0, steps=1)
        for name, mask in part.of(trial.case.layer.config).masks(trial.case.layer.config).items():
            if name.startswith("experts.") or routed:
                yield _same(part, name, whole[name], limited[name], mask)


def _going_on(trial: TrainableTrial) -> Iterator[Evidence]:
    """The second step, after a first one on the whole layer: what is trainable in both keeps its momentum."""
    if trial.violation:
        yield blocked(trial.violation.problem, trial.violation.clause)
        return
    for part in PARTS:
        whole, limited = trial.after(part, whole=2, steps=2), trial.after(part, whole=1, steps=2)
        for name, mask in part.of(trial.case.layer.config).masks(trial.case.layer.config).items():
            if name.startswith("experts."):
                yield _same(part, name, whole[name], limited[name], mask)


def _same(part: Part, name: str, whole: Array, limited: Array, mask: Array) -> Evidence:
    """Where a part is trainable, the limited step gives the bits of the step on the whole layer."""
    other = differing(whole, limited) & mask
    values: dict[str, Any] = {"part": part.name, "name": name, "at": first_place(other)}
    return holds(not other.any(), ProblemKind.TRAINED_OTHERWISE, **values)


TRAINABLE_CHECKS = tuple(
    Check(id, clauses, Stage.PARAMETERS, tag, examine, summary, profile="trainable", trial=TrialKind.TRAINABLE)
    for id, clauses, tag, examine, summary in (
        (
            "trainable.outside",
            ("TRN-2", "TRN-4", "IND-2", "IND-3", "IND-4"),
            "trainable",
            _outside,
            "Does a step keep the bits of what is not trainable?",
        ),
        ("trainable.inside", ("TRN-3", "TRN-4"), "trainable", _inside, "Does a step change what is trainable?"),
        (
            "trainable.alike",
            ("TRN-3",),
            "trainable.exact",
            _alike,
            "Does a step change what is trainable as a step on the whole layer does?",
        ),
        (
            "trainable.momentum",
            ("TRN-3",),
            "trainable.lone",
            _going_on,
            "Does a step on a part go on where a step on the whole layer ended?",
        ),
    )
)
