"""The options: query bias, query norm, GLU, sigmoid, keys per head. Each is examined through the whole layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import holds, sound, within
from peerspec.conformance.checks.gates import examine_gates
from peerspec.conformance.checks.output import examine_y
from peerspec.conformance.checks.selection import examine_admissible
from peerspec.conformance.hosts.fault import Fault
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.layer import Trial

__all__ = ["PROFILE_CHECKS", "TOGETHER_CHECKS"]

Examine = Callable[[Trial], Iterator[Evidence]]


def _scores(trial: Trial) -> Iterator[Evidence]:
    if trial.shows_routing:
        where = np.broadcast_to(trial.finite[:, None, None], trial.ids.shape)
        yield from within("the score of the selected expert", trial.returned_scores, trial.scores, where)
        yield from examine_admissible(trial)


def _gates(trial: Trial) -> Iterator[Evidence]:
    if trial.shows_routing:
        yield from examine_gates(trial, narrow=False)


def _gates_after_norm(trial: Trial) -> Iterator[Evidence]:
    """If scores are right, the norm is not the cause of wrong gates."""
    clause = "GAT-1" if trial.case.layer.config.gate == "softmax" else "GAT-3"
    for evidence in _gates(trial):
        yield replace(evidence, clause=clause, stage=Stage.GATE) if evidence.problem else evidence


def _output(trial: Trial) -> Iterator[Evidence]:
    yield from examine_y(trial, narrow=False)


def _state(trial: Trial) -> Iterator[Evidence]:
    for name, expected in (trial.query.state or {}).items():
        got = np.asarray((trial.output.state or {})[name])
        clause = "NRM-3" if trial.case.mask is None else "NRM-4"
        yield from within(f"the updated {name}", got, expected, axes=("head", "feature"), clause=clause)


def _state_repeated(trial: Trial) -> Iterator[Evidence]:
    """A second training call updates the given statistics and not those of the first call."""
    if not trial.case.training:
        return
    first, second = (out.state or {} for out in (trial.output, trial.forward()))
    moved = [name for name, value in first.items() if value.tobytes() != second[name].tobytes()]
    yield holds(not moved, ProblemKind.STATE_NOT_REPEATED, clause="IND-3", names=moved[:1])


def _in_turn(*parts: Examine) -> Examine:
    """One stage after the other, up to the first problem; the stages after it would only repeat it."""

    def examine(trial: Trial) -> Iterator[Evidence]:
        for part in parts:
            for evidence in part(trial):
                yield evidence
                if evidence.problem:
                    return

    return sound(examine)


def _refusal(trial: Trial) -> Iterator[Evidence]:
    """The backend may raise any error of its own; a process that dies or hangs does not refuse."""
    if trial.mask.any():
        return
    try:
        trial.answer  # noqa: B018 - the call is made for what it raises
    except Fault as fault:
        if not fault.refused:
            raise
        yield Evidence(0.0)
    else:
        yield holds(False, ProblemKind.REFUSAL_MISSING, tokens=len(trial.mask))


_OPTIONS: tuple[tuple[str, tuple[str, ...], Stage, str, str, str], ...] = (
    ("query.bias", ("QRY-1",), Stage.QUERY, "bias", "query-bias", "Is the bias added to the query of its head?"),
    (
        "norm.batch",
        ("NRM-1", "SHP-2"),
        Stage.QUERY_NORM,
        "norm.inference",
        "query-norm",
        "Does inference use the running statistics?",
    ),
    (
        "norm.training",
        ("NRM-2", "NRM-3", "IND-3"),
        Stage.QUERY_NORM,
        "norm.training",
        "query-norm",
        "Does training use the statistics of the batch?",
    ),
    (
        "norm.mask",
        ("NRM-4", "NRM-3", "IND-3"),
        Stage.QUERY_NORM,
        "norm.masked",
        "query-norm",
        "Do the statistics of the batch leave out masked tokens?",
    ),
    (
        "norm.layer",
        ("NRM-6",),
        Stage.QUERY_NORM,
        "norm.layer",
        "query-norm",
        "Is each query normalised by itself?",
    ),
    (
        "norm.order",
        ("QRY-1", "NRM-6"),
        Stage.QUERY_NORM,
        "norm.bias",
        "query-norm",
        "Is the bias added before the norm?",
    ),
    ("experts.glu", ("EXP-2",), Stage.EXPERT, "glu", "glu", "Is an expert σ(w·x)·(u·x)·v?"),
    (
        "gates.sigmoid",
        ("GAT-3",),
        Stage.GATE,
        "sigmoid",
        "sigmoid",
        "Is each gate the logistic function of its score?",
    ),
    (
        "scores.per-head",
        ("SCO-3",),
        Stage.SCORE,
        "per-head",
        "per-head-keys",
        "Does each head use its own sub-keys?",
    ),
    (
        "norm.together",
        ("QRY-1", "NRM-2", "SCO-3", "GAT-3", "EXP-2"),
        Stage.QUERY_NORM,
        "together",
        "query-norm",
        "Do all options work together?",
    ),
)
_THROUGH_THE_LAYER = tuple(
    Check(
        id,
        clauses,
        stage,
        tag,
        _in_turn(_scores, _gates_after_norm if stage is Stage.QUERY_NORM else _gates, _output, _state, _state_repeated),
        summary,
        profile=profile,
    )
    for id, clauses, stage, tag, profile, summary in _OPTIONS
)
_REFUSAL = Check(
    "norm.refusal",
    ("NRM-5",),
    Stage.QUERY_NORM,
    "norm.refused",
    _refusal,
    "Is training without a counted token an error?",
    profile="query-norm",
)
TOGETHER_CHECKS = tuple(check for check in _THROUGH_THE_LAYER if check.tag == "together")
PROFILE_CHECKS = (*(check for check in _THROUGH_THE_LAYER if check not in TOGETHER_CHECKS), _REFUSAL)
