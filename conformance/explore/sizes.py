"""The sizes of an explored layer: on both sides of the edges of kernels, within a budget of work."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import cache

from peerspec.conformance.cases.regimes import EDGES, interval, sizes_of

__all__ = ["SMALL", "Sizes", "edges", "fitted"]

SMALL = 9
"""Most sizes are at most this."""


@dataclass(frozen=True)
class Sizes:
    """The sizes of a layer and its tokens; ``half`` is d/2."""

    n: int
    heads: int
    half: int
    d_model: int
    d_out: int
    top_k: int
    tokens: int

    def work(self, *, glu: bool) -> int:
        """Multiplications of a forward pass, and numbers in the tables."""
        row = self.d_model * (2 if glu else 1) + self.d_out
        token = self.heads * (2 * self.half * (self.d_model + self.n) + self.top_k * row)
        return self.tokens * token + self.n**2 * row


def fitted(sizes: Sizes, most: int, *, glu: bool) -> Sizes:
    """The sizes, with the largest ones lowered by an interval until the work is at most ``most``."""
    while sizes.work(glu=glu) > most:
        values = asdict(sizes)
        largest = max(values, key=lambda name: values[name] ** (2 if name == "n" else 1))
        size = values[largest]
        lower = edges(interval(size) - 1)
        sizes = replace(sizes, **{largest: lower[-1] if size % 2 == 0 else lower[0]})
        sizes = replace(sizes, top_k=min(sizes.top_k, sizes.n**2))
    return sizes


@cache
def edges(number: int) -> tuple[int, ...]:
    """The first and the last sizes of an interval that are odd, then those that are multiples of eight.

    Example:
        >>> edges(2), edges(4)
        ((9, 15, 16), (33, 63, 40, 64))
    """
    if number == 0:
        return (1,)
    odd, aligned = (sizes_of(number, aligned=kind) for kind in (False, True))
    return tuple(dict.fromkeys((odd[0], odd[-1], aligned[0], aligned[-1]) if EDGES[number] < 1 << 16 else odd[:1]))
