"""The profile ``select``: the exact function from half scores to the selection."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import holds, violated
from peerspec.conformance.kinds import Stage, TrialKind
from peerspec.conformance.problems import Hint, HintKind, ProblemKind
from peerspec.conformance.trials.selection import SelectionTrial

__all__ = ["SELECT_CHECKS"]


def _ids(trial: SelectionTrial) -> Iterator[Evidence]:
    if trial.violation:
        yield violated(trial.violation)
        return
    k = trial.halves.k
    got, expected = (part.indices.reshape(-1, k) for part in (trial.selection, trial.expected))
    wrong = np.argwhere((got != expected).any(-1))
    if not len(wrong):
        yield Evidence(0.0)
        return
    row = int(wrong[0][0])
    values = {"expected": expected[row].tolist(), "got": got[row].tolist()}
    same = (Hint(HintKind.SAME_EXPERTS),) if set(values["got"]) == set(values["expected"]) else ()
    yield holds(False, ProblemKind.SELECTED_IDS, *same, clause=trial.clause, where={"row": row}, **values)


def _scores(trial: SelectionTrial) -> Iterator[Evidence]:
    if trial.violation:
        return
    k, parts = trial.halves.k, (trial.selection, trial.expected)
    got, expected = (part.scores.reshape(-1, k) for part in parts)
    ids, expected_ids = (part.indices.reshape(-1, k) for part in parts)
    wrong = np.argwhere((got != expected) & (ids == expected_ids))
    if not len(wrong):
        yield Evidence(0.0)
        return
    at = row, position = tuple(int(i) for i in wrong[0])
    place = {"row": row, "position": position}
    yield holds(False, ProblemKind.SELECTED_SCORE, where=place, expected=float(expected[at]), got=float(got[at]))


SELECT_CHECKS = (
    Check(
        "select.ids",
        ("SEL-2", "SEL-1", "SEL-4", "IND-2", "IND-4"),
        Stage.TIE,
        "select",
        _ids,
        "Does select() list the first k experts of the selection order, ties included?",
        profile="select",
        trial=TrialKind.SELECTION,
    ),
    Check(
        "select.scores",
        ("SCO-4",),
        Stage.SCORE,
        "select",
        _scores,
        "Are the scores of select() sums rounded once?",
        profile="select",
        trial=TrialKind.SELECTION,
    ),
)
