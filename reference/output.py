"""The result of a layer: the output and its routing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numpy.typing import NDArray

__all__ = ["Output", "Selection"]


class Selection(NamedTuple):
    """The k experts of each head, best first (SEL-2): scores [..., k] and expert ids, int64 [..., k]."""

    scores: NDArray[Any]
    indices: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Output:
    """The result of one forward pass. A backend that cannot return its routing sets scores, indices and gates to None.

    Attributes:
        y: [..., M], the output.
        scores: [..., h, k], the score of each selected expert.
        indices: [..., h, k], the id of each, in [0, N).
        gates: [..., h, k], the gate of each.
        state: updated ``query_norm.mean`` and ``query_norm.var``, each [h, d], after a forward pass with
            ``training=True`` and ``query_norm="batch"``, else None (NRM-3).
    """

    y: NDArray[Any]
    scores: NDArray[Any] | None = None
    indices: NDArray[Any] | None = None
    gates: NDArray[Any] | None = None
    state: dict[str, NDArray[Any]] | None = None
