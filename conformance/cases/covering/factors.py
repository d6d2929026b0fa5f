"""The factors of a layer: what a fault of an implementation can depend on, read from a recipe.

A factor has one level in each row. Pairs of two sizes are left out: they would need thousands of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations, product
from math import isqrt, prod

from peerspec.conformance.cases.entries import DATA, Data
from peerspec.conformance.cases.recipe import LayerRecipe, Mask, Memory
from peerspec.conformance.cases.regimes import ALIGNMENT, EDGES, interval, intervals, sizes_of
from peerspec.reference import PeerConfig
from peerspec.reference.config import ACTIVATIONS, EXPERTS, GATES, QUERY_NORMS

__all__ = [
    "ALIGNMENTS", "FACTORS", "SIZES", "Levels", "Tuple", "coarse", "finite", "gradient_recipe", "in_gradients",
    "levels", "numbers_by_level", "required", "tuples",
]  # fmt: skip

Levels = dict[str, str]
"""The level of each factor."""
Tuple = tuple[tuple[str, str], ...]
"""Levels of two or three factors, each with its factor, in the order of ``FACTORS``."""

_OF_CONFIG: dict[str, Callable[[PeerConfig], int]] = {
    "D": lambda c: c.d_model,
    "M": lambda c: c.d_out,
    "d/2": lambda c: c.d_key // 2,
    "n": lambda c: c.n,
    "k": lambda c: c.top_k,
    "h": lambda c: c.heads,
}
_ALIGNED = (*_OF_CONFIG, "T")
SIZES = (*_ALIGNED, "h·k", "T·h·k")
"""The factors that are sizes; a level is an interval of ``regimes``."""
ALIGNMENTS = {name: f"{name} mod {ALIGNMENT}" for name in _ALIGNED}
"""The factor that is the alignment of a size, for each size that is no product."""
_TOGETHER = ("norm", "mode", "mask")
"""The factors whose triples every size of the suite covers."""
_LARGE = 1024
_LARGEST_N = 1024
"""More sub-keys in a half than this are the business of ``select``: N·D numbers would have to be made."""

_OF_RECIPE: dict[str, Callable[[LayerRecipe], str]] = {
    "activation": lambda r: r.config.activation,
    "expert": lambda r: r.config.expert,
    "gate": lambda r: r.config.gate,
    "bias": lambda r: "bias" if r.config.query_bias else "none",
    "norm": lambda r: r.config.query_norm,
    "keys": lambda r: "per head" if r.config.key_heads > 1 else "shared",
    "mode": lambda r: "training" if r.training else "inference",
    "mask": lambda r: str(r.mask),
    "memory": lambda r: str(r.memory),
    "axes": lambda r: str(min(len(r.lead), 3)),
    "data": lambda r: str(Data.FULL if r.data is Data.ROUTED else r.data),
    "k:n": lambda r: _relation(r),
    "M:D": lambda r: "M = D" if r.config.d_out == r.config.d_model else "M ≠ D",
}


def _relation(recipe: LayerRecipe) -> str:
    n, k = recipe.config.n, recipe.config.top_k
    return "k = N" if k == n * n else "k > n" if k > n else "k ≤ n"


def _intervals(name: str) -> tuple[str, ...]:
    return intervals()[: interval(_LARGEST_N) + 1 if name == "n" else None]


FACTORS: dict[str, tuple[str, ...]] = {
    **{name: _intervals(name) for name in SIZES},
    **dict.fromkeys(ALIGNMENTS.values(), ("aligned", "not aligned")),
    "activation": ACTIVATIONS,
    "expert": EXPERTS,
    "gate": GATES,
    "bias": ("none", "bias"),
    "norm": QUERY_NORMS,
    "keys": ("shared", "per head"),
    "mode": ("inference", "training"),
    "mask": tuple(map(str, Mask)),
    "memory": tuple(map(str, Memory)),
    "axes": ("0", "1", "2", "3"),
    "data": tuple(str(data) for data in Data if data is not Data.ROUTED),
    "k:n": ("k ≤ n", "k > n", "k = N"),
    "M:D": ("M = D", "M ≠ D"),
}
"""The levels by factor; ``axes`` 3 is three leading axes or more."""
_COARSE = dict.fromkeys(intervals()[interval(_LARGE) + 1 :], f">{_LARGE}")
"""The one level that stands for the intervals of large sizes."""
OTHERS = tuple(_OF_RECIPE)
"""The factors that are neither sizes nor alignments."""


def levels(recipe: LayerRecipe) -> Levels:
    """The level of every factor.

    Example:
        >>> from peerspec.reference import PeerConfig
        >>> found = levels(LayerRecipe(PeerConfig(33, 2, 25, 4, 6), (3, 4), 0))
        >>> found["D"], found["n"], found["T"], found["axes"], found["k:n"]
        ('33-64', '2-8', '9-16', '2', 'k ≤ n')
    """
    config, count = recipe.config, prod(recipe.lead)
    sizes = {name: size(config) for name, size in _OF_CONFIG.items()} | {"T": count}
    products = {"h·k": config.heads * config.top_k, "T·h·k": count * config.heads * config.top_k}
    return (
        {name: intervals()[interval(size)] for name, size in (sizes | products).items()}
        | {ALIGNMENTS[name]: "not aligned" if size % ALIGNMENT else "aligned" for name, size in sizes.items()}
        | {name: level(recipe) for name, level in _OF_RECIPE.items()}
    )


def finite(recipe: LayerRecipe) -> LayerRecipe:
    """The recipe without NaN, which leaves gradients unspecified (GRD-10)."""
    return replace(recipe, mask=Mask.SOME if recipe.masked else Mask.NONE)


def gradient_recipe(recipe: LayerRecipe) -> LayerRecipe:
    """The levels that the gradients of a row have: those of exact data are taken for full ones."""
    return replace(finite(recipe), data=Data.FULL if DATA[recipe.data].exact else recipe.data)


def in_gradients(some: Tuple) -> bool:
    """Whether gradients can have these levels."""
    found = dict(some)
    return found.get("mask") != Mask.NAN and not DATA[Data(found.get("data", Data.FULL))].exact


def _factors(*, fine: bool) -> Iterator[tuple[str, ...]]:
    """The factors whose levels are covered together."""
    yield from ((name,) for name in SIZES)
    yield from combinations(OTHERS, 2)
    yield from product((*SIZES, *ALIGNMENTS.values()), OTHERS)
    yield from ALIGNMENTS.items()
    yield _TOGETHER
    if fine:
        yield from ((*both, other) for both, other in product(ALIGNMENTS.items(), OTHERS))


def tuples(found: Levels, *, fine: bool) -> set[Tuple]:
    """What a row covers: levels, pairs and triples; ``fine`` as in ``required``."""
    paired = found if fine else coarse(found)
    return {
        tuple((name, (found if len(names) == 1 else paired)[name]) for name in names) for names in _factors(fine=fine)
    }


def coarse(found: Levels) -> Levels:
    """The same levels, with one for all sizes above 1024."""
    return found | {name: _COARSE.get(found[name], found[name]) for name in SIZES}


@cache
def required(*, fine: bool) -> frozenset[Tuple]:
    """Every level of a size, and every pair and triple that can occur.

    Args:
        fine: whether pairs have every interval of sizes above 1024, and not one level for all of them; and whether
            a size is paired with the other factors once for each alignment.
    """
    levels = dict(FACTORS)
    if not fine:
        levels |= {name: tuple(dict.fromkeys(_COARSE.get(level, level) for level in FACTORS[name])) for name in SIZES}
    everything = (
        tuple(zip(names, found, strict=True))
        for names in _factors(fine=fine)
        for found in product(*((FACTORS if len(names) == 1 else levels)[name] for name in names))
    )
    return frozenset(some for some in everything if _possible(dict(some)))


def _possible(found: Mapping[str, str]) -> bool:
    """Whether a row can have these levels; a level that is absent is free."""
    get = found.get
    one = {name for name in SIZES if get(name) == "1"}
    alone = bool(one & {"T", "T·h·k"}) or get("axes") == "0"
    return not (
        (get("axes") == "0" and (get("T", "1") != "1" or get(ALIGNMENTS["T"]) == "aligned"))
        or (alone and get("mask", "none") != "none")
        or (alone and get("memory", "rows") not in ("rows", "tables"))
        or (one & {"h", "h·k", "T·h·k"} and get("keys") == "per head")
        or (get("norm", "none") != "none" and DATA[Data(get("data", "full"))].exact)
        or (one & {"k", "n", "h·k", "T·h·k"} and get("k:n") == "k > n")
        or (get("n") == "1" and get("k:n") == "k ≤ n")
        or any(get(name) == "1" and get(ALIGNMENTS[name]) == "aligned" for name in ALIGNMENTS)
        or (get("k:n") == "k ≤ n" and _none(get, "k", lambda size: size <= _LARGEST_N))
        or (get("k:n") == "k = N" and _none(get, "k", lambda size: isqrt(size) ** 2 == size))
        or (get("k:n") == "k = N" and _none(get, "n", lambda size: interval(size * size) <= interval(EDGES[-1])))
    )


def _none(get: Callable[[str], str | None], name: str, holds: Callable[[int], bool]) -> bool:
    """Whether no size of the level of a factor, with the alignment if that is given too, has a property."""
    level, alignment = get(name), get(ALIGNMENTS[name])
    if level is None:
        return False
    wanted = [True, False] if alignment is None else [alignment == "aligned"]
    numbers = numbers_by_level()[level]
    return not any(holds(size) for number in numbers for a in wanted for size in sizes_of(number, aligned=a))


@cache
def numbers_by_level() -> dict[str, list[int]]:
    """The intervals of each level of a size, the coarse one included."""
    names = intervals()
    return {
        level: [number for number, name in enumerate(names) if level in (name, _COARSE.get(name))]
        for level in (*names, *_COARSE.values())
    }
