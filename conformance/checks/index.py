"""The numbering of experts, on data where a score identifies its pair of sub-keys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import blocked
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import Hint, HintKind, Problem, ProblemKind
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.structure import form_violations
from peerspec.reference import Selection, select_two_stage

__all__ = ["INDEX_CHECKS"]


def _index(trial: Trial) -> Iterator[Evidence]:
    """Ids need not be sound: a wrong numbering may repeat one, or leave the range."""
    if wrong := form_violations(trial.case, trial.output):
        yield blocked(wrong[0].problem, wrong[0].clause)
        return
    right = _best(trial)
    if right is None:
        return
    order = trial.returned_scores.argsort(-1)[..., ::-1]  # best first; all scores differ
    scores, ids = (np.take_along_axis(part, order, -1) for part in (trial.returned_scores, trial.ids))
    if not np.array_equal(scores, right.scores):
        yield blocked(Problem(ProblemKind.SCORES_NOT_BEST))
        return
    at = next((tuple(row) for row in np.argwhere(ids != right.indices)), None)
    yield Evidence(0.0) if at is None else Evidence(np.inf, _wrong_id(trial, right.indices, ids, at))


def _best(trial: Trial) -> Selection | None:
    """The best experts; None if two scores are equal, down to that of the first omitted expert."""
    config = trial.case.layer.config
    s1, s2 = trial.half_scores
    best = select_two_stage(s1.value, s2.value, min(config.top_k + 1, config.num_experts))
    if (np.diff(best.scores) == 0).any():
        return None
    return Selection(best.scores[..., : config.top_k], best.indices[..., : config.top_k])


def _wrong_id(trial: Trial, right: Array, got: Array, at: tuple[int, ...]) -> Problem:
    n = trial.case.layer.config.n
    i, j = (int(part[at]) for part in np.divmod(right, n))
    values = {"i": i, "j": j, "n": n, "expected": int(right[at]), "got": int(got[at])}
    return Problem(ProblemKind.WRONG_ID, values, hints=tuple(_numbering(trial, right, got)))


def _numbering(trial: Trial, right: Array, got: Array) -> Iterator[Hint]:
    """The first known formula that fits all ids."""
    n, k = trial.case.layer.config.n, trial.case.layer.config.top_k
    i, j = np.divmod(right, n)
    known = {"i + n·j": i + n * j, "i·k + j": i * k + j, "i + k·j": i + k * j, "i + j": i + j}
    fits = next((formula for formula, ids in known.items() if np.array_equal(ids, got)), None)
    if fits:
        yield Hint(HintKind.NUMBERING, {"formula": fits})


INDEX_CHECKS = (
    Check(
        "scores.index",
        ("IDX-1",),
        Stage.SCORE,
        "index",
        _index,
        "Does the expert of sub-keys i and j have the id i·n + j?",
        needs_routing=True,
    ),
)
