"""Make the rows of the covering array: ``python benchmarks/covering.py``.

Rows that are stored and cheap are kept. Each new one is the best of several random ones that are changed, a level at a
time, as long as they cover more that no row covers yet. The rows that cover most come first, and are those of the
default size.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import isqrt, log2, prod
from typing import Any

import numpy as np
from rich.progress import Progress

from peerspec.conformance.cases.covering.factors import (
    ALIGNMENTS,
    FACTORS,
    OTHERS,
    Tuple,
    coarse,
    finite,
    gradient_recipe,
    in_gradients,
    levels,
    numbers_by_level,
    required,
    tuples,
)
from peerspec.conformance.cases.covering.rows import DATA_FILE, Row, stored_rows
from peerspec.conformance.cases.entries import DATA, Data
from peerspec.conformance.cases.recipe import LayerRecipe, Mask, Memory
from peerspec.conformance.cases.regimes import intervals, sizes_of
from peerspec.conformance.trials.layer import Trial
from peerspec.reference import PRECISIONS, ConfigError, PeerConfig

NUMBERS, WORK, CELLS, QUERIES, PAIRS = 900_000, 400_000, 700_000, 1_000_000, 90_000
"""The largest numbers of parameters, of products with expert rows and with sub-keys of selected experts, of scores, of
products of queries and keys, and of selected experts, in a row."""
CERTAIN = 0.75
"""The share of tokens whose selections must be certain."""
EXACT_BITS = 24
"""Bits that hold every score of exact data."""
DEFAULT_ROWS = 164
"""Rows of the default size: a compiling framework needs half a second for each."""
STARTS, CHANGES, TRIES, MISSES = 6, 150, 400, 25
"""Random rows for each chosen one, changes of each, attempts to make one, and failures in a row that end the search."""


@dataclass(frozen=True)
class Draft:
    """A row before it is a recipe: its sizes, and the levels of its other factors."""

    sizes: dict[str, int]
    chosen: dict[str, str]

    def recipe(self) -> LayerRecipe | None:
        """The row; None if it cannot exist or costs too much."""
        try:
            config = _config(self.sizes, self.chosen)
        except ConfigError:
            return None
        count, chosen = self.sizes["T"], self.chosen
        data, memory = Data(chosen["data"]), Memory(chosen["memory"])
        if DATA[data].exact and (config.query_norm != "none" or not _exact(config)):
            return None
        if count == 1 and (chosen["mask"] != Mask.NONE or memory not in (Memory.ROWS, Memory.TABLES)):
            return None
        if count > 1 and chosen["axes"] == "0":
            return None
        lead = _lead(count, int(chosen["axes"]))
        training = chosen["mode"] == "training"
        recipe = LayerRecipe(config, lead, 0, data, Mask(chosen["mask"]), training=training, memory=memory)
        return recipe if _affordable(recipe) else None


@dataclass
class Goal:
    """What no row covers yet, in ``forward`` and in ``gradients``."""

    fine: bool
    rows: Sequence[Row] = ()
    forward: set[Tuple] = field(init=False)
    gradients: set[Tuple] = field(init=False)

    def __post_init__(self) -> None:
        self.forward = set(required(fine=self.fine))
        self.gradients = set(filter(in_gradients, self.forward))
        for row in self.rows:
            self.cover(row.recipe, decided=row.gradients is not None)

    def gain(self, recipe: LayerRecipe | None, *, decided: bool = True) -> int:
        """How many of them a row covers; ``decided`` tells whether the selection of its tokens is certain."""
        forward, gradients = self._new(recipe) if recipe else (set(), set())
        return len(forward) + len(gradients) * decided

    def cover(self, recipe: LayerRecipe, *, decided: bool) -> None:
        """Remove what a row covers."""
        forward, gradients = self._new(recipe)
        self.forward -= forward
        self.gradients -= gradients if decided else set()

    def _new(self, recipe: LayerRecipe) -> tuple[set[Tuple], set[Tuple]]:
        forward = tuples(levels(recipe), fine=self.fine) & self.forward
        return forward, tuples(levels(gradient_recipe(recipe)), fine=self.fine) & self.gradients

    @property
    def left(self) -> list[Tuple]:
        """All of them, sorted."""
        return sorted(self.forward | self.gradients)


def arranged(source: random.Random, goal: Goal) -> Iterator[Row]:
    """Rows until no more is covered."""
    misses = 0
    while misses < MISSES and (left := goal.left):
        drafts = [_climbed(source, goal, _drawn(source, dict(source.choice(left)))) for _ in range(STARTS)]
        best = max((draft.recipe() for draft in drafts), key=goal.gain)
        data = gradient_data(best) if best and goal.gain(best) else None
        if best is None or not goal.gain(best, decided=data is not None):
            misses += 1
            continue
        goal.cover(best, decided=data is not None)
        misses = 0
        yield Row(best, data, 2, frozenset())


def gradient_data(recipe: LayerRecipe) -> Data | None:
    """The first kind of entries with which gradients are decided: most selections are certain (CNF-7)."""
    kinds = [gradient_recipe(recipe).data]
    if kinds == [Data.FULL] and recipe.config.query_norm == "none":
        kinds.append(Data.ROUTED)
    return next((data for data in kinds if _decides(replace(finite(recipe), data=data))), None)


def _decides(recipe: LayerRecipe) -> bool:
    certain = [
        np.mean(Trial(replace(recipe, seed=seed).make(PRECISIONS[precision]), _NO_HOST).certain_for_all)
        for precision in ("float32", "bfloat16", "float16")
        for seed in range(2)
    ]
    return min(certain) >= CERTAIN


def _drawn(source: random.Random, wanted: dict[str, str]) -> Draft:
    """A random row with these levels; the smallest one if there is none after some attempts."""
    for _ in range(TRIES):
        chosen = {name: wanted.get(name) or source.choice(FACTORS[name]) for name in OTHERS}
        draft = Draft(_sizes(source, wanted, chosen), chosen)
        recipe = draft.recipe()
        if recipe and _has(recipe, wanted):
            return draft
    return Draft(dict.fromkeys(_FREE, 1), {name: FACTORS[name][0] for name in OTHERS} | {"k:n": "k = N"})


def _has(recipe: LayerRecipe, wanted: dict[str, str]) -> bool:
    some = tuple(wanted.items())
    return any(some in tuples(levels(recipe), fine=fine) for fine in (False, True))


def _climbed(source: random.Random, goal: Goal, draft: Draft) -> Draft:
    """The draft after the changes of one factor that cover more."""
    best = goal.gain(draft.recipe())
    for _ in range(CHANGES):
        other = _changed(source, draft)
        gain = goal.gain(other.recipe())
        if gain >= best:
            draft, best = other, gain
    return draft


def _changed(source: random.Random, draft: Draft) -> Draft:
    name = source.choice((*_FREE, *OTHERS))
    if name in _FREE:
        return Draft(draft.sizes | {name: _size(source, None, None)}, draft.chosen)
    return Draft(draft.sizes, draft.chosen | {name: source.choice(FACTORS[name])})


def _sizes(source: random.Random, wanted: dict[str, str], chosen: dict[str, str]) -> dict[str, int]:
    """Sizes of the wanted levels; the others are small, or with luck large."""
    sizes = {name: _size(source, wanted.get(name), wanted.get(ALIGNMENTS[name])) for name in _FREE}
    if chosen["axes"] == "0" and "T" not in wanted:
        sizes["T"] = 1
    if chosen["M:D"] == "M = D":
        sizes |= {"D": sizes["M"]} if "M" in wanted else {"M": sizes["D"]}
    if chosen["k:n"] == "k = N":
        sizes |= {"n": isqrt(sizes["k"])} if "k" in wanted else {"k": sizes["n"] ** 2}
    elif "n" not in wanted:
        sizes["n"] = isqrt(sizes["k"]) + 1 if chosen["k:n"] == "k > n" else max(sizes["n"], sizes["k"])
    for name, others in _PRODUCTS.items():
        if name in wanted:
            _reach(source, sizes, wanted[name], [other for other in others if other not in wanted], others)
    return sizes


def _reach(source: random.Random, sizes: dict[str, int], level: str, free: list[str], others: tuple[str, ...]) -> None:
    """Change one of the free sizes so that the product of the others and of it has the level."""
    if free:
        one = source.choice(free)
        rest = prod(sizes[other] for other in others if other != one)
        sizes[one] = max(1, round(_size(source, level, None) / rest))
        sizes["n"] = max(sizes["n"], isqrt(sizes["k"]) + 1)


def _size(source: random.Random, level: str | None, alignment: str | None) -> int:
    """A size of a level; without one, of an interval that is the rarer the larger it is."""
    number = source.choice(_NUMBERS[level]) if level else min(int(source.expovariate(0.4)), len(intervals()) - 1)
    aligned = source.random() < 0.5 if alignment is None else alignment == "aligned"
    found = sizes_of(number, aligned=aligned) or sizes_of(number, aligned=not aligned)
    return found[-1] if aligned and source.random() < 0.4 else source.choice(found)


def _lead(count: int, axes: int) -> tuple[int, ...]:
    """Leading axes with this many tokens in all, as equal as possible."""
    lead: list[int] = []
    for left in range(axes, 1, -1):
        ideal = round(count ** (1 / left))
        lead.append(max(size for size in range(1, ideal + 1) if count % size == 0))
        count //= lead[-1]
    return (*lead, count) if axes else ()


def _config(sizes: dict[str, int], chosen: dict[str, str]) -> PeerConfig:
    k, n = sizes["k"], sizes["n"]
    return PeerConfig(
        sizes["D"],
        sizes["h"],
        n * n,
        n * n if chosen["k:n"] == "k = N" else k,
        2 * sizes["d/2"],
        d_out=sizes["D"] if chosen["M:D"] == "M = D" else sizes["M"],
        query_bias=chosen["bias"] == "bias",
        key_heads=sizes["h"] if chosen["keys"] == "per head" else 1,
        activation=chosen["activation"],
        gate=chosen["gate"],
        expert=chosen["expert"],
        query_norm=chosen["norm"],
    )


def _exact(config: PeerConfig) -> bool:
    """Whether exact data keep all sums exact: |x| ≤ 4, |W| ≤ 2, and multiples of 1/16 up to 1/8 in the sub-keys."""
    return log2(8 * (config.d_model + 1)) + log2(config.d_key) + 1 <= EXACT_BITS


def _affordable(recipe: LayerRecipe) -> bool:
    c, count = recipe.config, prod(recipe.lead)
    row = c.d_model * (2 if c.expert == "glu" else 1) + c.d_out
    numbers = c.num_experts * row + c.key_heads * c.n * c.d_key + c.heads * c.d_key * c.d_model + count * row
    cells = count * c.heads * (c.num_experts + min(c.top_k, c.n) ** 2)
    queries = count * c.heads * c.d_key * (c.d_model + c.n)
    work = count * c.heads * c.top_k * row
    pairs = count * c.heads * c.top_k
    small = pairs <= PAIRS and pairs * c.d_key // 2 <= WORK
    return small and numbers <= NUMBERS and work <= WORK and cells <= CELLS and queries <= QUERIES


_NO_HOST: Any = None
_NUMBERS = numbers_by_level()
_FREE = tuple(ALIGNMENTS)
_PRODUCTS = {"h·k": ("h", "k"), "T·h·k": ("T", "h", "k")}


def for_precisions(rows: Sequence[LayerRecipe]) -> list[list[str]]:
    """For each row the precisions, besides the first one claimed, in which the default size runs it.

    Every level of every factor occurs in every precision.
    """
    found: list[list[str]] = [[] for _ in rows]
    for number, precision in enumerate(PRECISIONS):
        left = {level for row in rows for level in _single(row)}
        turn = [(i + number * len(rows) // len(PRECISIONS)) % len(rows) for i in range(len(rows))]
        while left:
            gains = [len(left & _single(rows[i])) for i in turn]
            best = turn[gains.index(max(gains))]
            left -= _single(rows[best])
            found[best].append(precision)
    return found


def _single(recipe: LayerRecipe) -> set[Tuple]:
    """The levels of a row, in gradients too; sizes above 1024 have one level."""
    both = (levels(recipe), levels(gradient_recipe(recipe)))
    return {((name, level),) for found in both for name, level in coarse(found).items()}


def main() -> None:
    """Keep the rows that are cheap, add rows for what they do not cover, and write all."""
    source, rows = random.Random(0), [row for row in stored_rows() if _affordable(row.recipe)]
    with Progress() as progress:
        task = progress.add_task("pairs", total=None)
        for fine in (False, True):
            goal = Goal(fine, list(rows))
            for row in arranged(source, goal):
                rows.append(row)
                progress.update(task, description=f"{len(rows)} rows, {len(goal.left)} pairs and triples left")
            lines = ",\n".join(json.dumps(row.to_json(), ensure_ascii=False) for row in _sized(rows))
            DATA_FILE.write_text(f"[\n{lines}\n]\n", "utf-8")


def _sized(rows: list[Row]) -> list[Row]:
    """The rows with their sizes of the suite and their precisions: stored ones as they are, then what covers most."""
    default = [row for row in rows if row.size == 1]
    goal, left = Goal(fine=False, rows=list(default)), [row for row in rows if row.size > 1]
    while left and len(default) < DEFAULT_ROWS:
        best = max(left, key=lambda row: _worth(goal, row))
        goal.cover(best.recipe, decided=best.gradients is not None)
        left.remove(best)
        default.append(best)
    precisions = for_precisions([row.recipe for row in default])
    first = [replace(r, size=1, precisions=frozenset(p)) for r, p in zip(default, precisions, strict=True)]
    return [*first, *left]


def _worth(goal: Goal, row: Row) -> tuple[int, int]:
    """How many intervals of sizes a row has that no other row has, then how much it covers."""
    alone = {some for some in goal.forward if len(some) == 1}
    gain = goal.gain(row.recipe, decided=row.gradients is not None)
    return len(alone & tuples(levels(row.recipe), fine=False)), gain


if __name__ == "__main__":
    main()
