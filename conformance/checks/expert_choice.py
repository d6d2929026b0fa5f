"""The profile ``expert-choice``: a mixture of experts in which experts choose."""

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
from peerspec.conformance.trials.mixture import ExpertChoiceTrial

__all__ = ["EXPERT_CHOICE_CHECKS"]

PROFILE = "expert-choice"


def _scores(trial: ExpertChoiceTrial) -> Iterator[Evidence]:
    got = trial.returned("scores")
    axes = ("token", "expert")
    yield from within("the score", got, trial.scores, rows(trial.finite, got), axes=axes, u=trial.model.u)


def _capacity(trial: ExpertChoiceTrial) -> Iterator[Evidence]:
    """Only eligible tokens, and as many as the capacity says.

    The formula of the capacity is to blame (CMP-6) if all experts choose another number and all tokens are eligible.
    """
    wrong = np.argwhere(trial.chosen & ~trial.eligible[:, None])
    token, expert = (int(i) for i in wrong[0]) if len(wrong) else (0, 0)
    yield holds(not len(wrong), ProblemKind.NOT_ELIGIBLE, clause="CMP-5", where={"token": token, "expert": expert})
    counts = trial.chosen.sum(0)
    at = int((counts != trial.capacity).argmax())
    values = {"expected": trial.capacity, "got": int(counts[at]), "tokens": int(trial.eligible.sum())}
    clause = "CMP-6" if trial.eligible.all() and (counts == counts[0]).all() else ""
    all_right = bool((counts == trial.capacity).all())
    yield holds(all_right, ProblemKind.CAPACITY, clause=clause, where={"expert": at}, **values)


def _choice(trial: ExpertChoiceTrial) -> Iterator[Evidence]:
    """No token left out is better beyond both bounds; scores that are exact, those of one expert, decide all."""
    tokens = np.flatnonzero(trial.eligible)
    if not len(tokens):
        return
    margin = trial.margin_of(trial.chosen)
    at = int(margin.share.argmax())
    values: dict[str, Any] = {"left": int(tokens[margin.omitted[at]]), "taken": int(tokens[margin.selected[at]])}
    admissible = not margin.excess[at] > 0
    excess = float(margin.excess[at])
    yield holds(admissible, ProblemKind.TOKEN_LEFT_OUT, where={"expert": at}, excess=excess, **values)
    if not trial.scores.error[trial.eligible].any():
        wrong = (trial.chosen != trial.expected_chosen).any(0)
        at = int(wrong.argmax())
        lists: dict[str, Any] = {
            "expected": np.flatnonzero(trial.expected_chosen[:, at]).tolist(),
            "got": np.flatnonzero(trial.chosen[:, at]).tolist(),
        }
        yield holds(not wrong.any(), ProblemKind.TOKEN_ORDER, where={"expert": at}, **lists)


def _output(trial: ExpertChoiceTrial) -> Iterator[Evidence]:
    yield from examine_y(trial)
    yield from examine_padding(trial)


EXPERT_CHOICE_CHECKS = (
    comparison_check(
        PROFILE,
        "form",
        ("XCM-5", "SHP-1", "PRC-3", "PRC-6", "IND-2", "IND-4"),
        Stage.STRUCTURE,
        examine_form,
        "Has the answer of an expert-choice layer its parts, with the right shapes and dtypes?",
    ),
    comparison_check(
        PROFILE,
        "repeat",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        examine_repeat,
        "Does an expert-choice layer answer equal questions with equal bits?",
    ),
    comparison_check(
        PROFILE,
        "scores",
        ("XCM-3", "PRC-2"),
        Stage.SCORE,
        _scores,
        "Are scores the softmax over the experts?",
        needs_routing=True,
    ),
    comparison_check(
        PROFILE,
        "capacity",
        ("XCM-4", "CMP-6", "CMP-5"),
        Stage.SELECTION,
        _capacity,
        "Does each expert choose as many tokens as its capacity, all of them eligible?",
        needs_routing=True,
    ),
    comparison_check(
        PROFILE,
        "choice",
        ("XCM-5",),
        Stage.SELECTION,
        _choice,
        "Does each expert choose the tokens with the largest scores?",
        needs_routing=True,
    ),
    comparison_check(
        PROFILE,
        "output",
        ("XCM-5", "CMP-4", "CMP-5", "NFT-1", "PRC-2"),
        Stage.EXPERT,
        _output,
        "Is y the sum of score · block over the experts that chose the token?",
    ),
    comparison_check(
        PROFILE,
        "gradients",
        ("XCM-7", "PRC-2", "PRC-6"),
        Stage.GRADIENT,
        examine_gradients,
        "Do gradients reach the experts, the router and x, with the choice as a constant?",
        cases="gradients",
    ),
    following_check(PROFILE),
)
