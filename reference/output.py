"""What a layer returns: the output and the trace that leads to it."""

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
    """The result of one forward pass; a backend that cannot show its trace leaves the last four None.

    Attributes:
        y: [..., M], the output.
        scores: [..., h, k], score of each selected expert.
        indices: [..., h, k], its id in [0, N).
        gates: [..., h, k], its gate.
        state: updated ``query_norm.mean`` and ``query_norm.var``, each [h, d], only after ``training=True``
            with ``query_norm="batch"`` (NRM-3).
    """

    y: NDArray[Any]
    scores: NDArray[Any] | None = None
    indices: NDArray[Any] | None = None
    gates: NDArray[Any] | None = None
    state: dict[str, NDArray[Any]] | None = None
