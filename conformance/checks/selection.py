"""Chapter 2: the selection of a whole layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.cases.case import Array
from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import holds, sound
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import Hint, HintKind, Problem, ProblemKind
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import select_two_stage

__all__ = ["SELECTION_CHECKS", "examine_admissible"]


def examine_admissible(trial: Trial) -> Iterator[Evidence]:
    """No omitted expert of a finite token has a score that exceeds that of a selected one by more than both bounds."""
    if not trial.ids[trial.finite].size:
        return
    margin = trial.margin
    shares = np.where(trial.finite[:, None], margin.share, -1.0)
    worst = np.unravel_index(int(shares.argmax()), shares.shape)
    share = float(shares[worst])
    if margin.excess[worst] <= 0:
        yield Evidence(min(share, 1.0))
        return
    shared = _shared(trial.ids) and not _shared(_expected(trial))
    where = dict(zip(("token", "head"), map(int, worst), strict=True))
    where |= {"left": int(margin.omitted[worst]), "taken": int(margin.selected[worst])}
    hints = (Hint(HintKind.SHARED_SELECTION),) if shared else ()
    problem = Problem(ProblemKind.LEFT_OUT, {"excess": float(margin.excess[worst])}, where, hints)
    yield Evidence(share, problem, "SEL-6" if shared else "")


def _shared(ids: Array) -> bool:
    """Whether all heads of every token selected the same experts."""
    ids = np.sort(ids, -1)
    return ids.shape[1] > 1 and bool((ids == ids[:, :1]).all())


def _expected(trial: Trial) -> Array:
    """The ids [T, h, k] that the definition selects from rounded half scores."""
    s1, s2 = trial.half_scores
    return select_two_stage(s1.value, s2.value, trial.case.layer.config.top_k).indices


def _order(trial: Trial) -> Iterator[Evidence]:
    """On exact data the whole layer must list the ids of the reference in their order."""
    if not trial.ids.size:
        return
    expected = _expected(trial)
    wrong = np.argwhere((expected != trial.ids).any(-1))
    if not len(wrong):
        yield Evidence(0.0)
        return
    at = t, h = tuple(int(i) for i in wrong[0])
    values = {"expected": expected[at].tolist(), "got": trial.ids[at].tolist()}
    yield holds(False, ProblemKind.ORDER, where={"token": t, "head": h}, **values)


SELECTION_CHECKS = (
    Check(
        "selection.admissible",
        ("SEL-3", "SEL-6"),
        Stage.SELECTION,
        "selection",
        sound(examine_admissible),
        "Does no omitted expert have a higher score than a selected one?",
        needs_routing=True,
    ),
    Check(
        "selection.order",
        ("SEL-2", "SEL-1", "SEL-4"),
        Stage.TIE,
        "order",
        sound(_order),
        "Are ids listed in the selection order if half scores are exact?",
        profile="select",
        needs_routing=True,
    ),
)
