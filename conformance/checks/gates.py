"""Chapter 3: gates, compared with those of the returned scores and with those of the reference's scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import NARROW, holds, sound, within
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import Hint, HintKind, ProblemKind
from peerspec.conformance.trials.layer import Trial

__all__ = ["GATE_CHECKS", "examine_gates"]


def examine_gates(trial: Trial, *, narrow: bool = True) -> Iterator[Evidence]:
    """Gates against the returned scores, then against the reference's scores of the same experts."""
    where = np.broadcast_to(trial.finite[:, None, None], trial.ids.shape)
    got, u = trial.returned_gates, trial.model.u * narrow
    yield from within("the gate of the returned score", got, trial.gates_of_returned, where, u=u)
    yield from within("the gate", got, trial.gates, where, u=u)


def _finite(trial: Trial) -> Iterator[Evidence]:
    finite = bool(np.isfinite(trial.returned_gates).all())
    yield holds(finite, ProblemKind.GATES_NOT_FINITE, largest=float(np.abs(trial.returned_scores).max()))


def _softmax(trial: Trial) -> Iterator[Evidence]:
    if not trial.ids.size:
        return
    k = trial.ids.shape[-1]
    total = trial.returned_gates.astype(np.float64).sum(-1)
    room = trial.gates_of_returned.error.sum(-1) + trial.model.gamma(k)
    off = np.where(trial.finite[:, None], np.abs(total - 1), 0)
    worst = np.unravel_index(int((off - room).argmax()), off.shape)
    if off[worst] > max(room[worst], NARROW):  # a narrow dtype may explain less; the values show it
        place = dict(zip(("token", "head"), map(int, worst), strict=True))
        yield holds(False, ProblemKind.GATE_SUM, *_known(trial), where=place, k=k, got=float(total[worst]))
        return
    yield from examine_gates(trial)


def _known(trial: Trial) -> Iterator[Hint]:
    """The known function that the gates equal instead, if any."""
    gates = trial.returned_gates[trial.finite].astype(np.float64)
    scores = trial.returned_scores[trial.finite].astype(np.float64)
    with np.errstate(over="ignore"):
        known = {
            "the scores themselves": scores,
            "max(score, 0), a ReLU": np.maximum(scores, 0),
            "the logistic function of each score, gate `sigmoid`": 1 / (1 + np.exp(-scores)),
        }
    fits = next((what for what, values in known.items() if np.allclose(gates, values, 1e-3, 1e-6)), None)
    if fits:
        yield Hint(HintKind.KNOWN_GATES, {"known": fits})


GATE_CHECKS = (
    Check(
        "gates.finite",
        ("GAT-2",),
        Stage.GATE,
        "loud",
        sound(_finite),
        "Are gates finite at large scores?",
        needs_routing=True,
    ),
    Check(
        "gates.softmax",
        ("GAT-1", "PRC-2", "PRC-4"),
        Stage.GATE,
        "gates",
        sound(_softmax),
        "Are gates the softmax of the k selected scores of each head?",
        needs_routing=True,
    ),
)
