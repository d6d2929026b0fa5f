"""What the rows of the covering array cover at each size of the suite."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache

from peerspec.conformance.cases.covering.factors import (
    ALIGNMENTS,
    OTHERS,
    SIZES,
    Tuple,
    gradient_recipe,
    in_gradients,
    levels,
    required,
    tuples,
)
from peerspec.conformance.cases.covering.rows import stored_rows
from peerspec.conformance.cases.recipe import LayerRecipe

__all__ = ["GROUPS", "Coverage", "covered", "group", "missing"]

DEFAULT, FULL = 1, 2
GROUPS = (
    "a size, alone",
    "a size and an option",
    "the alignment of a size and an option",
    "a size, its alignment and an option",
    "a size and its alignment",
    "two options",
    "norm, mode and mask",
)


@dataclass(frozen=True)
class Coverage:
    """How many levels, pairs or triples can occur, and how many do."""

    possible: int
    covered: int


def group(some: Tuple) -> str:
    """The group of levels: what kinds of factors they belong to; options are all that is neither size nor alignment."""
    names = [name for name, _ in some]
    sizes, alignments = sum(n in SIZES for n in names), sum(n in ALIGNMENTS.values() for n in names)
    others = sum(name in OTHERS for name in names)
    return {
        (1, 0, 0): GROUPS[0],
        (1, 0, 1): GROUPS[1],
        (0, 1, 1): GROUPS[2],
        (1, 1, 1): GROUPS[3],
        (1, 1, 0): GROUPS[4],
        (0, 0, 2): GROUPS[5],
        (0, 0, 3): GROUPS[6],
    }[sizes, alignments, others]


@cache
def missing(size: int, *, gradients: bool) -> frozenset[Tuple]:
    """What the rows of a size of the suite (1 default, 2 full) should cover and do not."""
    fine = size >= FULL
    wanted = required(fine=fine)
    rows = [row for row in stored_rows() if row.size <= size]
    if not gradients:
        return wanted - _all([row.recipe for row in rows], fine=fine)
    decided = [gradient_recipe(row.recipe) for row in rows if row.gradients]
    return frozenset(filter(in_gradients, wanted)) - _all(decided, fine=fine)


def _all(recipes: Iterable[LayerRecipe], *, fine: bool) -> set[Tuple]:
    return {some for recipe in recipes for some in tuples(levels(recipe), fine=fine)}


def covered(size: int, *, gradients: bool) -> dict[str, Coverage]:
    """The coverage of each group at a size of the suite; groups that the size does not ask for are left out."""
    wanted: Collection[Tuple] = required(fine=size >= FULL)
    if gradients:
        wanted = [some for some in wanted if in_gradients(some)]
    left = missing(size, gradients=gradients)
    found: dict[str, Coverage] = {}
    for some in wanted:
        old = found.get(group(some), Coverage(0, 0))
        found[group(some)] = Coverage(old.possible + 1, old.covered + (some not in left))
    return {name: found[name] for name in GROUPS if name in found}
