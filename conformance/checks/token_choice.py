"""The profile ``token-choice``: a mixture of experts in which tokens choose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from peerspec.conformance.check import Evidence
from peerspec.conformance.checks.comparing import (
    comparison_check,
    examine_form,
    examine_gradients,
    examine_padding,
    examine_repeat,
    examine_y,
    rows,
)
from peerspec.conformance.checks.evidence import holds, within
from peerspec.conformance.checks.following import following_check
from peerspec.conformance.kinds import Stage
from peerspec.conformance.problems import ProblemKind
from peerspec.conformance.trials.mixture import TokenChoiceTrial

__all__ = ["TOKEN_CHOICE_CHECKS"]

PROFILE = "token-choice"


def _logits(trial: TokenChoiceTrial) -> Iterator[Evidence]:
    got = trial.returned("scores")
    where = rows(trial.finite, got)
    yield from within("the logit", got, trial.scores, where, u=trial.model.u, exact=trial.case.exact)


def _choice(trial: TokenChoiceTrial) -> Iterator[Evidence]:
    """No expert left out is better beyond both bounds, nor a later one in the list; exact logits decide all."""
    if not trial.finite.any():
        return
    margin, scores = trial.margin, trial.scores
    worst = int(np.where(trial.finite, margin.share, -1).argmax())
    values: dict[str, Any] = {"left": int(margin.omitted[worst]), "taken": int(margin.selected[worst])}
    admissible = not margin.excess[worst] > 0
    excess = float(margin.excess[worst])
    yield holds(admissible, ProblemKind.EXPERT_LEFT_OUT, where={"token": worst}, excess=excess, **values)
    low, high = scores.value - scores.error, scores.value + scores.error
    wrong = (low[:, 1:] > high[:, :-1]).any(-1)
    if trial.case.exact:
        wrong = (trial.ids != trial.expected_ids).any(-1)
    at = int((wrong & trial.finite).argmax())
    lists: dict[str, Any] = {"expected": trial.expected_ids[at].tolist(), "got": trial.ids[at].tolist()}
    yield holds(not (wrong & trial.finite).any(), ProblemKind.EXPERT_ORDER, where={"token": at}, **lists)


def _gates(trial: TokenChoiceTrial) -> Iterator[Evidence]:
    got = trial.returned("gates")
    yield from within("the gate", got, trial.gates, rows(trial.finite, got), u=trial.model.u)


def _kept(trial: TokenChoiceTrial) -> Iterator[Evidence]:
    """First the tokens that are not eligible, whose choices no expert computes, then the others."""
    for tokens, clause in ((~trial.eligible, "CMP-5"), (trial.eligible, "")):
        wrong = (trial.kept != trial.expected_kept) & tokens[:, None]
        if wrong.any():
            token, position = (int(i) for i in np.argwhere(wrong)[0])
            expected, got = bool(trial.expected_kept[token, position]), bool(trial.kept[token, position])
            where = {"token": token, "position": position}
            yield holds(False, ProblemKind.KEPT, clause=clause, where=where, expected=expected, got=got)
    yield Evidence(0.0)


def _output(trial: TokenChoiceTrial) -> Iterator[Evidence]:
    """First of tokens without a dropped choice, then of the others, then of padding."""
    whole = np.asarray(trial.kept.all(-1))
    yield from examine_y(trial, (whole, ""), (~whole, "TCM-5"))
    yield from examine_padding(trial)


TOKEN_CHOICE_CHECKS = (
    comparison_check(
        PROFILE,
        "form",
        ("TCM-6", "TCM-3", "SHP-1", "PRC-3", "PRC-6", "NFT-3", "IND-2", "IND-4"),
        Stage.STRUCTURE,
        examine_form,
        "Has the answer of a token-choice layer its parts, with the right shapes, dtypes and ids?",
    ),
    comparison_check(
        PROFILE,
        "repeat",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        examine_repeat,
        "Does a token-choice layer answer equal questions with equal bits?",
    ),
    comparison_check(
        PROFILE,
        "logits",
        ("TCM-3", "PRC-2", "PRC-5"),
        Stage.SCORE,
        _logits,
        "Are logits plain inner products with the rows of the router?",
        needs_routing=True,
    ),
    comparison_check(
        PROFILE,
        "choice",
        ("TCM-3",),
        Stage.SELECTION,
        _choice,
        "Does each token choose the experts with the largest logits, in order?",
        needs_routing=True,
    ),
    comparison_check(
        PROFILE,
        "gates",
        ("TCM-4", "PRC-2"),
        Stage.GATE,
        _gates,
        "Are gates the softmax before or after the choice, as the configuration says?",
        needs_routing=True,
    ),
    comparison_check(
        PROFILE,
        "kept",
        ("TCM-5", "CMP-5"),
        Stage.SELECTION,
        _kept,
        "Does each expert compute the first choices of it, up to its capacity?",
        needs_routing=True,
    ),
    comparison_check(
        PROFILE,
        "output",
        ("TCM-6", "CMP-4", "TCM-5", "CMP-5", "NFT-1", "PRC-2"),
        Stage.EXPERT,
        _output,
        "Is y the sum of gate · block over the experts that compute the token?",
    ),
    comparison_check(
        PROFILE,
        "gradients",
        ("TCM-8", "PRC-2", "PRC-6"),
        Stage.GRADIENT,
        examine_gradients,
        "Do gradients reach the experts, the router and x, with choices and drops as constants?",
        cases="gradients",
    ),
    following_check(PROFILE),
)
