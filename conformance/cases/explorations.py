"""How many examples Hypothesis explores beside the fixed cases, by size; none at the minimal size."""

from __future__ import annotations

from dataclasses import dataclass

from peerspec.conformance.kinds import TrialKind

__all__ = ["EXPLORATIONS", "Exploration"]


@dataclass(frozen=True)
class Exploration:
    """A number of explored examples for one check.

    Attributes:
        name: unique.
        tags: the tag of the check that uses it.
        trial: the kind of trial that the examples are.
        examples: the largest number; a compiling framework needs about half a second for each layer of a new shape.
        size: the smallest size that includes it.
    """

    name: str
    tags: frozenset[str]
    trial: TrialKind
    examples: int
    size: int


EXPLORATIONS = tuple(
    Exploration(f"{tag}.{'few' if size == 1 else 'many'}", frozenset({tag}), trial, examples, size)
    for tag, trial, few, many in (
        ("explore.select", TrialKind.SELECTION, 100, 1000),
        ("explore.layer", TrialKind.LAYER, 4, 150),
        ("explore.gradients", TrialKind.GRADIENTS, 1, 80),
    )
    for size, examples in ((1, few), (2, many))
)
