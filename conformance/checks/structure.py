"""Structure: what every answer must look like, whatever it computes."""

from __future__ import annotations

from collections.abc import Iterator

from peerspec.conformance.check import Check, Evidence
from peerspec.conformance.checks.base import holds
from peerspec.conformance.trials.layer import Trial

__all__ = ["STRUCTURE"]


def _answer(trial: Trial) -> Iterator[Evidence]:
    if not trial.structure:
        yield Evidence(0.0)
    for clause, problem in trial.structure:
        yield holds(False, problem, clause=clause)


def _inputs(trial: Trial) -> Iterator[Evidence]:
    modified = trial.answer.modified
    yield holds(not modified, f"forward() modified its input {', '.join(modified)}")


STRUCTURE = (
    Check(
        "structure.answer",
        ("SHP-1", "PRC-1", "PRC-3", "SEL-5", "NFT-3", "NRM-3", "CNF-3"),
        "structure",
        "any",
        _answer,
        "Are shapes, formats and ids of the answer right?",
    ),
    Check("structure.inputs", ("IND-2",), "structure", "any", _inputs, "Are the inputs left as they were?"),
)
