"""How many examples Hypothesis explores beside the fixed cases, by size; none at the minimal size."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXPLORATIONS", "Exploration"]


@dataclass(frozen=True)
class Exploration:
    """A number of explored examples for one check.

    Attributes:
        name: unique.
        tags: the tag of the check that uses it.
        examples: the largest number; a compiling framework needs about half a second for each layer of a new shape.
        size: the smallest size that includes it.
    """

    name: str
    tags: frozenset[str]
    examples: int
    size: int


EXPLORATIONS = tuple(
    Exploration(f"{tag}.{'few' if size == 1 else 'many'}", frozenset({tag}), examples, size)
    for tag, few, many in (("explore.select", 100, 1000), ("explore.layer", 4, 150), ("explore.gradients", 1, 80))
    for size, examples in ((1, few), (2, many))
)
