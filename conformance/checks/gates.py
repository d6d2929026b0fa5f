"""Chapter 3: gates, judged from the scores the backend returned and from those of the reference."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import NARROW, holds, sound, within
from peerspec.conformance.trials.layer import Trial

__all__ = ["GATES", "judge_gates"]


def judge_gates(trial: Trial, *, narrow: bool = True) -> Iterator[Evidence]:
    """Gates against the returned scores, then against the reference's scores of the same experts."""
    where = np.broadcast_to(trial.finite[:, None, None], trial.ids.shape)
    got, u = trial.returned_gates, trial.model.u * narrow
    yield from within("the gate of the returned score", got, trial.gates_of_returned, where, u=u)
    yield from within("the gate", got, trial.gates, where, u=u)


def _finite(trial: Trial) -> Iterator[Evidence]:
    bad = np.argwhere(~np.isfinite(trial.returned_gates))
    worst = float(np.abs(trial.returned_scores).max())
    yield holds(not len(bad), f"gates are not finite at scores up to {worst:g}: subtract the maximum before exp")


def _softmax(trial: Trial) -> Iterator[Evidence]:
    if not trial.ids.size:
        return
    total = trial.returned_gates.astype(np.float64).sum(-1)
    room = trial.gates_of_returned.error.sum(-1) + trial.model.gamma(trial.ids.shape[-1])
    off = np.where(trial.finite[:, None], np.abs(total - 1), 0)
    worst = np.unravel_index(int((off - room).argmax()), off.shape)
    if off[worst] > max(room[worst], NARROW):  # less may be a narrow format, which the values tell
        t, h = (int(i) for i in worst)
        yield holds(
            False,
            f"the {trial.ids.shape[-1]} gates of token {t}, head {h} must sum to 1, got {total[worst]:.9g}: "
            "the softmax is over the k selected scores of one head" + _resembles(trial),
            token=t,
            head=h,
        )
        return
    yield from judge_gates(trial)


def _resembles(trial: Trial) -> str:
    """What the gates are instead, if it is something known."""
    gates = trial.returned_gates[trial.finite].astype(np.float64)
    scores = trial.returned_scores[trial.finite].astype(np.float64)
    with np.errstate(over="ignore"):
        known = {
            "the scores themselves": scores,
            "max(score, 0), a ReLU": np.maximum(scores, 0),
            "the logistic function of each score, gate `sigmoid`": 1 / (1 + np.exp(-scores)),
        }
    return next((f"; they are {what}" for what, is_it in known.items() if np.allclose(gates, is_it, 1e-3, 1e-6)), "")


GATES = (
    Check(
        "gates.finite",
        ("GAT-2",),
        "gate",
        "loud",
        sound(_finite),
        "Are gates finite at large scores?",
        needs_routing=True,
    ),
    Check(
        "gates.softmax",
        ("GAT-1", "PRC-2", "PRC-4"),
        "gate",
        "gates",
        sound(_softmax),
        "Are gates the softmax of the k selected scores of each head?",
        needs_routing=True,
    ),
)
