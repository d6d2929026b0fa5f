"""Kinds of entries that the parameters and tokens of a designed or explored case may have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, log2
from typing import Any

import numpy as np

from peerspec.conformance.cases.case import Array, Draw
from peerspec.conformance.cases.layers import exact_params, full_params, tokens
from peerspec.reference import PeerConfig

__all__ = ["DATA", "Data", "Entries", "make_entries"]

EXACT_BITS = 8
"""Bits of one factor of each product of exact data."""
Params = dict[str, Array]


class Data(StrEnum):
    """The kind of the entries."""

    FULL = "full"
    """Full significands, so that every sum rounds."""
    EXACT = "exact"
    """Small integers, so that no sum rounds."""
    ROUTED = "routed"
    """Exact as far as inner products, with scores that seldom tie, so that selections are certain; full bits in v."""
    SHARP = "sharp"
    """Full significands, and scores so far apart that most gates are below 10⁻³."""
    ZEROS = "zeros"
    """Full significands; every third token, and if k > 1 every third row of u and of v, is zero."""
    SUNKEN = "sunken"
    """Exact, and every score is far below zero: below any finite number that stands for minus infinity."""
    NEAR = "near"
    """Exact, and the half scores of a token are within one part in 16 of each other, in another binade per token."""


@dataclass(frozen=True)
class Entries:
    """How the entries of one kind are made: parameters and x, of a source, a configuration and leading axes."""

    make: Callable[[Draw, PeerConfig, tuple[int, ...]], tuple[Params, Array]]
    exact: bool = False


def _full(draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[Params, Array]:
    return full_params(draw, config), tokens(draw, (*lead, config.d_model))


def _exact(draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[Params, Array]:
    """A single feature is never 0, or y might be 0 by chance."""
    params, x = exact_params(draw, config), tokens(draw, (*lead, config.d_model), exact=True)
    for array in (x, *(params[name] for name in ("experts.u", "experts.w", "experts.v") if name in params)):
        if array.shape[-1:] == (1,):
            array[array == 0] = 1
    return params, x


def _routed(draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[Params, Array]:
    """Sub-keys have 8 bits (PRC-5), or fewer if sums need theirs: |q| ≤ 8D + 2, and d of the products are added."""
    params, x = _exact(draw, config, lead)
    left = 23 - ceil(log2(8 * config.d_model + 2) + log2(config.d_key))
    bits = min(max(left, 2), EXACT_BITS)
    shapes = config.shapes()
    full = {"experts.v": draw.full("experts.v", shapes["experts.v"])}
    return params | full | {"keys": draw.coarse("keys", shapes["keys"], bits, -3)}, x


def _sharp(draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[Params, Array]:
    params, x = _full(draw, config, lead)
    return params | {"keys": params["keys"] * draw.dtype.type(8)}, x


def _zeros(draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[Params, Array]:
    params, x = _full(draw, config, lead)
    tables = [params["experts.u"], params["experts.v"]] if config.top_k > 1 else []
    for table in (x.reshape(-1, config.d_model), *tables):
        table[2::3] = 0
    return params, x


def _sunken(draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[Params, Array]:
    """Half scores are −(16 + c) times a power of two, for c from 0 to 3: one entry of the query and of each sub-key.

    With sigmoid gates the second half is a little farther above zero: else all gates were 0, and so were y.
    """
    least = draw.dtype.type(-(2.0 ** (8 if draw.dtype == np.float16 else 60)))
    params, x = _exact(draw, config, lead)
    steps = draw.coarse("steps", (config.key_heads, 2, config.n), 2, 1) + draw.dtype.type(18)
    if config.gate == "sigmoid":
        steps[:, 1] = -4 - steps[:, 1]
    return _steered(params, x, config, steps * least, np.ones(1))


def _near(draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[Params, Array]:
    """Half scores are 1 + c·2⁻⁷ times a power of two, for c from 0 to 7."""
    params, x = _exact(draw, config, lead)
    steps = draw.coarse("steps", (config.key_heads, 2, config.n), 3, 2) + draw.dtype.type(4)
    near = 1 + steps * draw.dtype.type(2.0**-7)
    return _steered(params, x, config, near, 2.0 ** np.arange(-12, 13))


def _steered(params: Params, x: Array, config: PeerConfig, halves: Array, sizes: Array) -> tuple[Params, Array]:
    """Half scores ``halves`` times x[…, 0], which is one of ``sizes`` in turn; b ignores this feature.

    So do u and w, for which sums would not stay exact; where it is the only one, they are small instead.
    """
    weight, keys = np.zeros_like(params["query.weight"]), np.zeros_like(params["keys"])
    weight[:, [0, config.d_key // 2], 0], keys[..., 0] = 1, halves
    rows = x.reshape(-1, config.d_model)
    rows[:, 0] = np.resize(sizes, len(rows))
    if "query.bias" in params:
        params["query.bias"][:, [0, config.d_key // 2]] = 0
    for name in {"experts.u", "experts.w"} & params.keys():
        params[name][:, 0] *= 0 if config.d_model > 1 else params[name].dtype.type(1 / sizes.max())
    return params | {"query.weight": weight, "keys": keys}, x


DATA: dict[Data, Entries] = {
    Data.FULL: Entries(_full),
    Data.EXACT: Entries(_exact, exact=True),
    Data.ROUTED: Entries(_routed, exact=True),
    Data.SHARP: Entries(_sharp),
    Data.ZEROS: Entries(_zeros),
    Data.SUNKEN: Entries(_sunken, exact=True),
    Data.NEAR: Entries(_near, exact=True),
}


def make_entries(data: Data, draw: Draw, config: PeerConfig, lead: tuple[int, ...]) -> tuple[dict[str, Any], Array]:
    """Parameters and x of one kind; with relu no argument of the first token is negative, or y might be 0 by chance."""
    params, x = DATA[data].make(draw, config, lead)
    if config.activation == "relu" and x.size:
        table = params["experts.w" if config.expert == "glu" else "experts.u"]
        first = x.reshape(-1, config.d_model)[0]
        table[table.astype(np.float64) @ first.astype(np.float64) < 0] *= -1
    return params, x
