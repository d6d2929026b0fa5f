"""The options: query bias, query norm, GLU, sigmoid, keys per head. Each is judged through the whole layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import holds, sound, within
from peerspec.conformance.checks.gates import judge_gates
from peerspec.conformance.checks.output import judge_y
from peerspec.conformance.checks.retrieval import judge_admissible
from peerspec.conformance.hosts.call import Refused
from peerspec.conformance.trials.layer import Trial

__all__ = ["PROFILES"]

Judge = Callable[[Trial], Iterator[Evidence]]


def _scores(trial: Trial) -> Iterator[Evidence]:
    if trial.shows_routing:
        yield from within("the score of the selected expert", trial.returned_scores, trial.scores)
        yield from judge_admissible(trial)


def _gates(trial: Trial) -> Iterator[Evidence]:
    if trial.shows_routing:
        yield from judge_gates(trial, narrow=False)


def _gates_after_norm(trial: Trial) -> Iterator[Evidence]:
    """Where scores are right, the norm is not what makes gates wrong."""
    clause = "GAT-1" if trial.case.layer.config.gate == "softmax" else "GAT-3"
    for evidence in _gates(trial):
        yield replace(evidence, clause=clause, stage="gate") if evidence.problem else evidence


def _output(trial: Trial) -> Iterator[Evidence]:
    yield from judge_y(trial, narrow=False)


def _state(trial: Trial) -> Iterator[Evidence]:
    for name, expected in (trial.query.state or {}).items():
        got = np.asarray((trial.output.state or {})[name])
        clause = "NRM-3" if trial.case.mask is None else "NRM-4"
        yield from within(f"the updated {name}", got, expected, axes=("head", "feature"), clause=clause)


def _again(trial: Trial) -> Iterator[Evidence]:
    """Training once more moves the statistics given and not those of the call before."""
    if not trial.case.training:
        return
    first, second = (out.state or {} for out in (trial.output, trial.forward()))
    moved = [name for name, value in first.items() if value.tobytes() != second[name].tobytes()]
    yield holds(not moved, f"the same training gave another {moved[:1]} the second time", clause="IND-3")


def _in_turn(*judges: Judge) -> Judge:
    """The stages one after the other; what follows a broken one would only repeat it."""

    def judge(trial: Trial) -> Iterator[Evidence]:
        for stage in judges:
            for evidence in stage(trial):
                yield evidence
                if evidence.problem:
                    return

    return sound(judge)


def _refusal(trial: Trial) -> Iterator[Evidence]:
    """Any error will do, as long as it is one of the backend: an end or a silence of its process is none."""
    if trial.mask.any():
        return
    try:
        trial.answer  # noqa: B018  (asked for what it raises)
    except Refused:
        yield Evidence(0.0)
    else:
        yield holds(
            False, f"training without a counted token must be an error, got an answer for {len(trial.mask)} tokens"
        )


_LIST: tuple[tuple[str, tuple[str, ...], str, str, str, str], ...] = (
    ("query.bias", ("QRY-1",), "query", "bias", "query-bias", "Is the bias added to the query of its head?"),
    (
        "norm.batch",
        ("NRM-1", "SHP-2"),
        "query norm",
        "norm.inference",
        "query-norm",
        "Are running statistics used?",
    ),
    (
        "norm.training",
        ("NRM-2", "NRM-3", "IND-3"),
        "query norm",
        "norm.training",
        "query-norm",
        "Are batch statistics used?",
    ),
    (
        "norm.mask",
        ("NRM-4", "NRM-3", "IND-3"),
        "query norm",
        "norm.masked",
        "query-norm",
        "Are masked tokens left out of them?",
    ),
    (
        "norm.layer",
        ("NRM-6",),
        "query norm",
        "norm.layer",
        "query-norm",
        "Is each query normalised by itself?",
    ),
    (
        "norm.order",
        ("QRY-1", "NRM-6"),
        "query norm",
        "norm.bias",
        "query-norm",
        "Is the bias added before the norm?",
    ),
    ("experts.glu", ("EXP-2",), "expert", "glu", "glu", "Is an expert σ(w·x)·(u·x)·v?"),
    (
        "gates.sigmoid",
        ("GAT-3",),
        "gate",
        "sigmoid",
        "sigmoid",
        "Is each gate the logistic function of its score?",
    ),
    (
        "scores.per-head",
        ("SCO-3",),
        "score",
        "per-head",
        "per-head-keys",
        "Does each head use its own sub-keys?",
    ),
    (
        "norm.together",
        ("QRY-1", "NRM-2", "SCO-3", "GAT-3", "EXP-2"),
        "query norm",
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
        _in_turn(_scores, _gates_after_norm if stage == "query norm" else _gates, _output, _state, _again),
        summary,
        profile=profile,
    )
    for id, clauses, stage, tag, profile, summary in _LIST
)
REFUSAL = Check(
    "norm.refusal",
    ("NRM-5",),
    "query norm",
    "norm.refused",
    _refusal,
    "Is training without a counted token an error?",
    profile="query-norm",
)
PROFILES = (*_THROUGH_THE_LAYER, REFUSAL)
