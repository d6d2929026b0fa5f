"""How far Hypothesis explores around the fixed cases, by size; nothing at the minimal one."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXPLORATIONS", "Exploration"]


@dataclass(frozen=True)
class Exploration:
    """A number of examples of one kind.

    Attributes:
        name: unique.
        tags: the check that uses it, by its tag.
        examples: at most how many; compiling frameworks pay about half a second for each layer, whose shape is new.
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
