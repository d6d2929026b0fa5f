"""The numbering of experts, on data where a score names its pair of sub-keys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import holds
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.structure import form_problems
from peerspec.reference import Selection, select_two_stage

__all__ = ["INDEX"]


def _index(trial: Trial) -> Iterator[Evidence]:
    """Ids need not be sound: a wrong numbering may repeat one, or leave the range."""
    if wrong := form_problems(trial.case, trial.output):
        clause, problem = wrong[0]
        yield Evidence(float("inf"), f"not judged, because {problem}", clause, blocked=True)
        return
    right = _winners(trial)
    if right is None:
        return
    order = trial.returned_scores.argsort(-1)[..., ::-1]  # all scores differ: best first, whatever the order returned
    scores, ids = (np.take_along_axis(part, order, -1) for part in (trial.returned_scores, trial.ids))
    if not np.array_equal(scores, right.scores):
        problem = "not judged, because the scores are not those of the best pairs of sub-keys"
        yield Evidence(float("inf"), problem, blocked=True)
        return
    at = next((tuple(row) for row in np.argwhere(ids != right.indices)), None)
    yield holds(at is None, "" if at is None else _sentence(trial, right.indices, ids, at))


def _winners(trial: Trial) -> Selection | None:
    """The best experts; None where two scores are equal down to the first one left out."""
    config = trial.case.layer.config
    s1, s2 = trial.half_scores
    best = select_two_stage(s1.value, s2.value, min(config.top_k + 1, config.num_experts))
    if (np.diff(best.scores) == 0).any():
        return None
    return Selection(best.scores[..., : config.top_k], best.indices[..., : config.top_k])


def _sentence(trial: Trial, right: Array, got: Array, at: tuple[int, ...]) -> str:
    n, k = trial.case.layer.config.n, trial.case.layer.config.top_k
    i, j = np.divmod(right, n)
    known = {"i + n·j": i + n * j, "i·k + j": i * k + j, "i + k·j": i + k * j, "i + j": i + j}
    fits = next((f"; all ids fit {formula}" for formula, ids in known.items() if np.array_equal(ids, got)), "")
    return (
        f"the expert of sub-keys i = {i[at]} and j = {j[at]}, n = {n}, must have the id i·n + j = {right[at]}, "
        f"got {got[at]}{fits}"
    )


INDEX = (
    Check(
        "scores.index",
        ("IDX-1",),
        "score",
        "index",
        _index,
        "Is the expert of sub-keys i and j called i·n + j?",
        needs_routing=True,
    ),
)
