"""The axes of a tensor in the notation of einops: ``(p h c) D`` is a matrix whose rows are (half, head, feature).

| axis | length |
|---|---|
| `h` | h, the heads |
| `p` | 2, the halves of a query |
| `c` | d/2, the features of a half |
| `n` | n, the sub-keys of a half |
| `i`, `j` | n each: the sub-keys of an expert |
| `D`, `M` | D, M, the widths of tokens and of outputs |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.reference import PeerConfig

__all__ = ["STANDARD", "axis_lengths", "groups", "in_words", "names_of", "rearranged", "shape_of", "solved"]

STANDARD: Mapping[str, str] = MappingProxyType(
    {
        "query.weight": "h (p c) D",
        "query.bias": "h (p c)",
        **{f"query_norm.{name}": "h (p c)" for name in ("scale", "bias", "mean", "var")},
        "keys": "h p n c",
        "experts.u": "(i j) D",
        "experts.v": "(i j) M",
        "experts.w": "(i j) D",
    }
)
"""The axes of each parameter in a layer whose heads have keys of their own (PAR-1, QRY-2, IDX-1)."""

_WORDS = {"p": "2", "c": "d/2", "i": "n", "j": "n"}


def groups(axes: str) -> tuple[tuple[str, ...], ...]:
    """The axes that each axis of the tensor consists of, slowest first.

    Example:
        >>> groups("(p h c) D")
        (('p', 'h', 'c'), ('D',))
    """
    return tuple(tuple((many or one).split()) for many, one in re.findall(r"\(([^)]*)\)|(\w+)", axes))


def names_of(axes: str) -> tuple[str, ...]:
    """The single axes in order."""
    return tuple(axis for group in groups(axes) for axis in group)


def in_words(axes: str) -> str:
    """The shape in the symbols of SPEC.md.

    Example:
        >>> in_words("(p h c) D")
        '[2·h·d/2, D]'
    """
    return f"[{', '.join('·'.join(_WORDS.get(axis, axis) for axis in group) for group in groups(axes))}]"


def shape_of(axes: str, lengths: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of a tensor with these axes."""
    return tuple(prod(lengths[axis] for axis in group) for group in groups(axes))


def axis_lengths(config: PeerConfig) -> dict[str, int]:
    """The length of every axis in a layer.

    Example:
        >>> axis_lengths(PeerConfig(d_model=4, heads=3, num_experts=25, top_k=2, d_key=12))["c"]
        6
    """
    n, half = config.n, config.d_key // 2
    return {"h": config.heads, "p": 2, "c": half, "n": n, "i": n, "j": n, "D": config.d_model, "M": config.d_out}


def solved(stored: Iterable[tuple[str, tuple[int, ...]]], known: Mapping[str, int]) -> dict[str, int]:
    """The lengths of axes that follow from shapes, as far as they follow; the rows of experts decide nothing.

    Args:
        stored: the axes and the shape of each tensor.
        known: lengths that are known before.

    Example:
        >>> solved([("(h p n) c", (30, 4)), ("(h p c) D", (24, 7))], {"p": 2})
        {'p': 2, 'c': 4, 'h': 3, 'D': 7, 'n': 5, 'i': 5, 'j': 5}
    """
    lengths = dict(known)
    sides = [side for axes, shape in stored for side in zip(groups(axes), shape, strict=False) if "i" not in side[0]]
    for _ in sides:  # each round finds at least one length, or no round finds one
        for group, length in sides:
            unknown = [axis for axis in group if axis not in lengths]
            rest = prod(lengths[axis] for axis in group if axis in lengths)
            if len(unknown) == 1 and rest and length % rest == 0 and length:
                lengths[unknown[0]] = length // rest
    return lengths | ({"i": lengths["n"], "j": lengths["n"]} if "n" in lengths else {})


def rearranged(array: NDArray[Any], given: str, wanted: str, lengths: Mapping[str, int]) -> NDArray[Any]:
    """The array with other axes; a view where that is possible, and the array itself if nothing changes.

    Example:
        >>> rearranged(np.arange(4), "(h c)", "(c h)", {"h": 2, "c": 2})
        array([0, 2, 1, 3])
    """
    if given == wanted:
        return array
    before, after = names_of(given), names_of(wanted)
    single = array.reshape([lengths[axis] for axis in before])
    return np.transpose(single, [before.index(axis) for axis in after]).reshape(shape_of(wanted, lengths))
