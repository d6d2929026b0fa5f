"""Structure: the form of an answer, independent of its values."""

from __future__ import annotations

from collections.abc import Iterator

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.evidence import violated
from peerspec.conformance.kinds import Stage
from peerspec.conformance.trials.layer import Trial
from peerspec.conformance.trials.structure import harm

__all__ = ["STRUCTURE_CHECKS"]


def _answer(trial: Trial) -> Iterator[Evidence]:
    if not trial.structure:
        yield Evidence(0.0)
    yield from map(violated, trial.structure)


def _inputs(trial: Trial) -> Iterator[Evidence]:
    wrong = harm("forward", trial.answer)
    yield violated(wrong) if wrong else Evidence(0.0)


STRUCTURE_CHECKS = (
    Check(
        "structure.answer",
        ("SHP-1", "PRC-6", "PRC-3", "SEL-7", "NFT-3", "NRM-3", "CNF-3"),
        Stage.STRUCTURE,
        "any",
        _answer,
        "Are shapes, dtypes and ids of the answer right?",
    ),
    Check(
        "structure.inputs",
        ("IND-2", "IND-4"),
        Stage.STRUCTURE,
        "any",
        _inputs,
        "Are the inputs, and what earlier calls got and returned, unchanged?",
    ),
)
