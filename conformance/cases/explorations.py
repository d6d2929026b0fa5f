"""How many examples Hypothesis explores beside the fixed cases, by size; none at the minimal size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from peerspec.conformance.kinds import TrialKind

__all__ = ["EXPLORATIONS", "Exploration"]


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
    """

    name: str
    tags: frozenset[str]
    trial: TrialKind
    examples: int
    size: int
    source: str
    drawn: int

    def part(self, precision: str, parts: int) -> Exploration:
        """The examples of one precision of so many, which share them; each precision draws its own."""
        examples, drawn = -(-self.examples // parts), -(-self.drawn // parts)
        return replace(self, examples=examples, drawn=drawn, source=f"{self.source}/{precision}")


EXPLORATIONS = tuple(
    Exploration(f"{tag}.{words}", frozenset({tag}), trial, examples, size, f"{source}.{words}", max(drawn, examples))
    for tag, trial, source, few, many in (
        ("explore.select", TrialKind.SELECTION, "select", 100, 1000),
        ("explore.layer", TrialKind.LAYER, "layers", 30, 300),
        ("explore.gradients", TrialKind.GRADIENTS, "layers", 20, 200),
    )
    for words, size, examples, drawn in (
        ("few", 1, few, 30 if source == "layers" else 0),
        ("many", 2, many, 300 if source == "layers" else 0),
    )
)
