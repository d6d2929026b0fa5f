"""The checks and cases that verify one given layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from peerspec.conformance.cases import SELECTION_CASES
from peerspec.conformance.cases.case import Case, Draw
from peerspec.conformance.plan import Plan, Step
from peerspec.conformance.suite import CHECKS
from peerspec.reference import Layer, Precision

__all__ = ["verification_plan"]

_LEADING = ((), (6,), (2, 3))  # few tokens, because the judge gathers h·k rows of experts for each


@dataclass(frozen=True)
class _TokenCase:
    """Tokens [*lead, D] for a given layer, the last one with a NaN if ``nan``."""

    name: str
    layer: Layer
    lead: tuple[int, ...]
    nan: bool = False

    def make(self, precision: Precision, seed: int) -> Case:
        """Full significands in [−1, 1) (INP-2)."""
        x = Draw(self.name, seed, precision.input).full("x", (*self.lead, self.layer.config.d_model))
        if self.nan:
            x.reshape(-1, x.shape[-1])[-1, 0] = np.nan
        return Case(self.name, False, self.layer, x)


def verification_plan(layer: Layer, rank: int, *, select: bool) -> Plan:
    """The checks that need no other layer, in the order of the stages.

    Args:
        layer: the layer that the model should compute.
        rank: the number of leading axes that the model takes.
        select: whether the model offers the selection alone.
    """
    cases, precision = _cases(layer, rank, select), str(layer.dtype)
    steps = tuple(Step(check, precision, cases[check.id]) for check in CHECKS if cases.get(check.id))
    return Plan((precision,), steps, unclaimed=(), configs=(), asked=(precision,), names_supports=False, partial=False)


def _cases(layer: Layer, rank: int, select: bool) -> dict[str, tuple[Any, ...]]:
    """The cases of each check; without leading axes there is one token, so no other and no empty batch."""
    lead = (1,) * (rank - 2) + _LEADING[min(rank, 2)]
    tokens, nan = _TokenCase("verify.tokens", layer, lead), _TokenCase("verify.nan", layer, lead, nan=True)
    empty = (_TokenCase("verify.empty", layer, (*lead[:-1], 0)),) if rank else ()
    selections = tuple(case for case in SELECTION_CASES if case.size == 0) if select else ()
    return {
        "structure.answer": (tokens, nan, *empty),
        "structure.inputs": (tokens, nan),
        "scores.rounding": (tokens,),
        "selection.admissible": (tokens,),
        "select.ids": selections,
        "select.scores": selections,
        f"gates.{layer.config.gate}": (tokens,),
        "output.sum": (tokens,),
        "independence.repeat": (tokens,),
        "independence.tokens": (tokens,) if rank else (),
        "finite.nan": (nan,),
        "finite.others": (nan,) if rank else (),
    }
