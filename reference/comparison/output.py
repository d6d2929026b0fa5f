"""The results of the mixtures of experts: the output and the routing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["ExpertChoiceOutput", "TokenChoiceOutput"]


@dataclass(frozen=True, eq=False)
class TokenChoiceOutput:
    """The result of a mixture in which tokens choose.

    Attributes:
        y: [..., M], the output.
        scores: [..., k], the logit of each chosen expert, best first.
        indices: [..., k], its id, in [0, E).
        gates: [..., k], its gate, also where it was dropped.
        kept: [..., k], whether the expert computes the token; False where it was dropped, or the token does not count.
    """

    y: NDArray[Any]
    scores: NDArray[Any]
    indices: NDArray[Any]
    gates: NDArray[Any]
    kept: NDArray[Any]


@dataclass(frozen=True, eq=False)
class ExpertChoiceOutput:
    """The result of a mixture in which experts choose.

    Attributes:
        y: [..., M], the output.
        scores: [..., E], the softmax over the experts of the logits of each token: the gate where an expert chose it.
        chosen: [..., E], whether the expert chose the token.
    """

    y: NDArray[Any]
    scores: NDArray[Any]
    chosen: NDArray[Any]
