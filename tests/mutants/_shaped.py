"""What mutants with faults of optimised code share: sizes, narrow roundings, and inputs on which they are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import Array, stable_topk

from peerspec.reference import PeerConfig, Selection

__all__ = [
    "SMALL",
    "Bite",
    "LayerSelection",
    "SelectBite",
    "all_negative",
    "in_columns",
    "packed",
    "ranked",
    "sized",
    "through",
    "whole",
]

SMALL = PeerConfig(7, 2, 25, 4, 6, d_out=5, activation="relu")
Change = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Bite:
    """A layer and an input on which a mutant is wrong.

    Attributes:
        config, lead, precision: the layer, the leading axes of x, and the dtypes.
        exact, masked, training: few significant bits; every third token does not count; the mode.
        gradients: whether it is the gradients that are wrong.
        change: changes the parts of the case: ``x``, ``dy``, ``mask``, and the parameters by name.
        before: a call that comes before, with answer and gradients.
        times: how many calls come before, equal ones unless ``before`` is given; 1 with ``before`` alone.
        kept: whether the fault is that an answer changes in the next call.
    """

    config: PeerConfig = SMALL
    lead: tuple[int, ...] = (6,)
    precision: str = "float32"
    exact: bool = False
    masked: bool = False
    training: bool = False
    gradients: bool = False
    change: Change | None = None
    before: Bite | None = None
    times: int = 0
    kept: bool = False


@dataclass(frozen=True)
class SelectBite:
    """Half scores on which ``select`` is wrong: with few bits, and so ties, or with all; ``change`` makes new ones."""

    n: int
    k: int
    lead: tuple[int, ...] = (8,)
    bits: int | None = None
    precision: str = "float32"
    change: Callable[[Array, Array], tuple[Array, Array]] | None = None


class LayerSelection(NumpyBackend):
    """A mutant that overrides ``selection`` in the layer, and not in ``select``."""

    def select(self, s1: Array, s2: Array, k: int) -> Selection:
        return Selection(*NumpyBackend.selection(self, s1, s2, k))


def sized(**fields: Any) -> PeerConfig:
    """The small configuration with other sizes or options."""
    return replace(SMALL, **fields)


def whole(size: int, tile: int) -> int:
    """How many of ``size`` entries lie in full tiles."""
    return size // tile * tile


def through(array: Array, dtype: Any) -> Array:
    """Rounded to a dtype, in the dtype that it has."""
    with np.errstate(all="ignore"):
        return array.astype(dtype).astype(array.dtype)


def packed(array: Array) -> Array:
    """The memory of an array, read as if it had no gaps."""
    strides = [array.itemsize * int(np.prod(array.shape[axis + 1 :])) for axis in range(array.ndim)]
    return np.lib.stride_tricks.as_strided(array, strides=strides)


def ranked(s1: Array, s2: Array, k: int) -> tuple[Array, Array]:
    """Positions of the k′ best of each half."""
    side = min(k, s1.shape[-1])
    return stable_topk(s1, side), stable_topk(s2, side)


def in_columns(name: str) -> Change:
    """Puts one array of a case in column order."""

    def change(case: dict[str, Any]) -> None:
        case[name] = np.asfortranarray(case[name])

    return change


def all_negative(case: dict[str, Any]) -> None:
    """Makes all half scores negative."""
    for name in ("x", "query.weight"):
        case[name] = np.abs(case[name])
    case["keys"] = -np.abs(case["keys"])
