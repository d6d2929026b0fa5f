"""What a layer returns: the output and the trace that leads to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from numpy.typing import NDArray

__all__ = ["Output", "Selection"]


class Selection(NamedTuple):
    """The k experts of each head, best first (SEL-2): scores [..., k] and expert ids, int64 [..., k]."""

    scores: NDArray
    indices: NDArray


@dataclass(frozen=True, eq=False)
class Output:
    """The result of one forward pass; a backend that cannot show its trace leaves the last four None.

    Attributes:
        y: [..., M], the output.
        scores: [..., h, k], score of each selected expert.
        indices: [..., h, k], its id in [0, N).
        gates: [..., h, k], its gate.
        state: updated ``query_norm.mean`` and ``query_norm.var``, each [h, d], only after ``training=True`` with
            ``query_norm="batch"`` (NRM-3).
    """

    y: NDArray
    scores: NDArray | None = None
    indices: NDArray | None = None
    gates: NDArray | None = None
    state: dict[str, NDArray] | None = None
