"""The profile ``dense``: a dense feed-forward block."""

from __future__ import annotations

from collections.abc import Iterator

from peerspec.conformance.check import Evidence
from peerspec.conformance.checks.comparing import (
    comparison_check,
    examine_form,
    examine_gradients,
    examine_repeat,
    examine_tokens,
    examine_y,
)
from peerspec.conformance.checks.following import following_check
from peerspec.conformance.kinds import Stage
from peerspec.conformance.trials.comparison import DenseTrial

__all__ = ["DENSE_CHECKS"]


def _output(trial: DenseTrial) -> Iterator[Evidence]:
    """First of tokens that count, then of the others, for which a mask changes nothing."""
    yield from examine_y(trial, (trial.mask, ""), (~trial.mask, "CMP-5"))


DENSE_CHECKS = (
    comparison_check(
        "dense",
        "form",
        ("SHP-1", "PRC-6", "IND-2", "IND-4"),
        Stage.STRUCTURE,
        examine_form,
        "Has the answer of a dense layer the shape and the dtype of y?",
    ),
    comparison_check(
        "dense",
        "repeat",
        ("IND-3", "IND-4"),
        Stage.INDEPENDENCE,
        examine_repeat,
        "Does a dense layer answer equal questions with equal bits?",
    ),
    comparison_check(
        "dense",
        "tokens",
        ("IND-1", "NFT-2"),
        Stage.INDEPENDENCE,
        examine_tokens,
        "Does a token of a dense layer leave the others alone, also if it holds a NaN?",
    ),
    comparison_check(
        "dense",
        "output",
        ("DNS-3", "CMP-4", "CMP-5", "NFT-1", "PRC-2"),
        Stage.EXPERT,
        _output,
        "Is y of a dense layer the sum over its neurons?",
    ),
    comparison_check(
        "dense",
        "gradients",
        ("DNS-4", "PRC-2", "PRC-6", "GRD-6"),
        Stage.GRADIENT,
        examine_gradients,
        "Are the gradients of a dense layer those of its neurons?",
        cases="gradients",
    ),
    following_check("dense"),
)
