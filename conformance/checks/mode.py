"""The answer in training mode of a layer without batch norm: nothing random, nothing that inference does not have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import blocked, sound, within
from peerspec.conformance.checks.gates import examine_gates
from peerspec.conformance.checks.output import examine_y
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import Problem
from peerspec.conformance.trials.layer import Trial

__all__ = ["MODE_CHECKS"]


def _mode(trial: Trial) -> Iterator[Evidence]:
    """Scores, gates and y are those of the formulas, which do not know the mode; an error of inference is another."""
    inference = Trial(replace(trial.case, training=False), trial.host)
    wrong = inference.structure[0].problem if inference.structure else _wrong_value(inference)
    if wrong:
        yield blocked(wrong)
        return
    for evidence in _values(trial):
        yield replace(evidence, clause="OUT-4")


def _values(trial: Trial) -> Iterator[Evidence]:
    if trial.shows_routing:
        where = np.broadcast_to(trial.finite[:, None, None], trial.ids.shape)
        yield from within("the score in training mode", trial.returned_scores, trial.scores, where)
        yield from examine_gates(trial)
    yield from examine_y(trial, "y in training mode")


def _wrong_value(trial: Trial) -> Problem | None:
    return next((evidence.problem for evidence in _values(trial) if evidence.problem), None)


MODE_CHECKS = (
    Check(
        "independence.mode",
        ("OUT-4",),
        Stage.INDEPENDENCE,
        "mode",
        sound(_mode),
        "Without batch norm, is the answer in training mode that of inference, with no dropout and no noise?",
        profile="training",
    ),
)
"""Before the checks of batch norm, whose cases are in training mode too."""
