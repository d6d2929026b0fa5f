"""The answer in training mode of a layer without batch norm: nothing random, nothing that inference does not have.

A case may be in either mode; both are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import blocked, sound, violated, within
from peerspec.conformance.checks.gates import examine_gates
from peerspec.conformance.checks.output import examine_y
from peerspec.conformance.checks.selection import examine_admissible
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import Problem
from peerspec.conformance.trials.layer import Trial

__all__ = ["MODE_CHECKS"]


def _mode(trial: Trial) -> Iterator[Evidence]:
    """The answer is that of the formulas, which do not know the mode; an error of inference is another."""
    inference, training = (trial if trial.case.training is mode else _in_mode(trial, mode) for mode in (False, True))
    wrong = inference.structure[0].problem if inference.structure else _wrong_value(inference)
    if wrong:
        yield blocked(wrong)
        return
    if training.structure:
        yield replace(violated(training.structure[0]), clause="OUT-4")
        return
    for evidence in _values(training):
        yield replace(evidence, clause="OUT-4")


def _in_mode(trial: Trial, mode: bool) -> Trial:
    return Trial(replace(trial.case, training=mode), trial.host)


def _values(trial: Trial) -> Iterator[Evidence]:
    if trial.shows_routing:
        where = np.broadcast_to(trial.finite[:, None, None], trial.ids.shape)
        yield from within("the score in training mode", trial.returned_scores, trial.scores, where)
        yield from examine_admissible(trial)
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
