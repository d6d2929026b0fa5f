"""The profile ``select``: the exact function from half scores to selection."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import holds
from peerspec.conformance.trials.selection import SelectionTrial

__all__ = ["SELECT"]


def _ids(trial: SelectionTrial) -> Iterator[Evidence]:
    if problem := trial.problem:
        yield holds(False, problem)
        return
    k = trial.case.k
    got_ids, expected = (part.indices.reshape(-1, k) for part in (trial.selection, trial.expected))
    wrong = np.argwhere((got_ids != expected).any(-1))
    if not len(wrong):
        yield Evidence(0.0)
        return
    row = int(wrong[0][0])
    got = got_ids[row]
    same = set(got.tolist()) == set(expected[row].tolist())
    yield holds(
        False,
        f"half scores of row {row}: expected the ids {expected[row].tolist()}, got {got.tolist()}"
        + ("; the same experts in another order" if same else ""),
        clause=trial.clause,
        row=row,
    )


def _scores(trial: SelectionTrial) -> Iterator[Evidence]:
    if trial.problem:
        return
    k, parts = trial.case.k, (trial.selection, trial.expected)
    got, expected = (part.scores.reshape(-1, k) for part in parts)
    ids, expected_ids = (part.indices.reshape(-1, k) for part in parts)
    wrong = np.argwhere((got != expected) & (ids == expected_ids))
    if not len(wrong):
        yield Evidence(0.0)
        return
    row, position = (int(i) for i in wrong[0])
    yield holds(
        False,
        f"row {row}, position {position}: the score must be the sum rounded once, "
        f"{expected[row, position]!r}, got {got[row, position]!r}",
        row=row,
        position=position,
    )


SELECT = (
    Check(
        "select.ids",
        ("SEL-2", "SEL-1", "SEL-4"),
        "tie",
        "select",
        _ids,
        "Does select() list the first k experts of the selection order, ties included?",
        profile="select",
    ),
    Check(
        "select.scores",
        ("SCO-2",),
        "score",
        "select",
        _scores,
        "Are its scores sums rounded once?",
        profile="select",
    ),
)
