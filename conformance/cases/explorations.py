"""How many examples Hypothesis explores beside the fixed cases, by size; none at the minimal size."""

from __future__ import annotations

from dataclasses import dataclass, replace

from peerspec.conformance.kinds import TrialKind

__all__ = ["EXPLORATIONS", "MOST", "Exploration"]

MOST = 1 << 21
"""Multiplications and numbers of one explored layer; its bounds cost the reference some tens of milliseconds."""
LATER = 20
"""Examples of the search for a smaller failing case in all precisions but the first."""


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
        witnesses: how many more examples the search for a smaller failing case may take.
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
    witnesses: int = 200

    def part(self, precision: str, precisions: tuple[str, ...]) -> Exploration:
        """The examples of one of the precisions, which share them; each draws its own.

        A defect fails in most precisions, so the search for a small case is long in the first one only.
        """
        examples, drawn = (-(-count // len(precisions)) for count in (self.examples, self.drawn))
        witnesses = self.witnesses if precision == precisions[0] else LATER
        source = f"{self.source}/{precision}"
        return replace(self, examples=examples, drawn=drawn, source=source, witnesses=witnesses)


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
