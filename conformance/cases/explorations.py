"""How many examples Hypothesis explores beside the fixed cases, by size; none at the minimal size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from peerspec.conformance.kinds import TrialKind

__all__ = ["EXPLORATIONS", "MOST", "Exploration"]

MOST = 1 << 21
"""Multiplications and numbers of one explored layer; its bounds cost the reference some tens of milliseconds."""


@dataclass(frozen=True)
class Exploration:
    """A number of explored examples for one check.

    Attributes:
        name: unique.
        tags: the tag of the check that uses it.
        trial: the kind of trial that the examples are.
        examples: the largest number.
        size: the smallest size that includes it.
        source: explorations of one source draw the same layers, the longer one more of them: a compiling framework
            pays about 0.1 s for each new layer, and 0.3 s for its gradients.
        drawn: the largest number of examples of its source.
        most: multiplications and numbers of one layer.
        repeats: whether calls are repeated too.
    """

    name: str
    tags: frozenset[str]
    trial: TrialKind
    examples: int
    size: int
    source: str
    drawn: int
    most: int = MOST
    repeats: bool = False

    def part(self, precision: str, parts: int) -> Exploration:
        """The examples of one precision of so many, which share them; each precision draws its own."""
        examples, drawn = -(-self.examples // parts), -(-self.drawn // parts)
        return replace(self, examples=examples, drawn=drawn, source=f"{self.source}/{precision}")


def _explorations(tag: str, trial: TrialKind, source: str, *counts: tuple[int, int]) -> tuple[Exploration, ...]:
    """One for the default size and one for the full size, each with its examples and those of its source."""
    return tuple(
        Exploration(f"{tag}.{words}", frozenset({tag}), trial, examples, size, f"{source}.{words}", drawn)
        for size, (words, (examples, drawn)) in enumerate(zip(("few", "many"), counts, strict=True), 1)
    )


EXPLORATIONS = (
    *_explorations("explore.select", TrialKind.SELECTION, "select", (100, 100), (1000, 1000)),
    *_explorations("explore.layer", TrialKind.LAYER, "layers", (30, 30), (200, 200)),
    *_explorations("explore.gradients", TrialKind.GRADIENTS, "layers", (20, 30), (100, 200)),
)
