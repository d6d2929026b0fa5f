"""What Hypothesis draws: small layers with any claimed options, and half scores full of ties.

Choices are listed simplest first, because Hypothesis shrinks towards the first. They are drawn as booleans only: for
integers and elements Hypothesis sometimes takes a constant of an imported module, and then an edit anywhere would
change every case.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

from peerspec.conformance.cases.entries import Data
from peerspec.conformance.cases.options import KEYS_PER_HEAD, OPTIONS
from peerspec.conformance.cases.recipe import HalvesRecipe, LayerRecipe, Mask
from peerspec.reference import PeerConfig

__all__ = ["halves_recipes", "layer_recipes"]

T = TypeVar("T")

ACTIVATIONS = ("relu", "identity", "silu", "gelu", "gelu_tanh")
SHAPES = ((1, 1), (2, 1), (2, 3), (3, 4), (3, 9), (4, 8), (5, 7), (8, 20))
"""n and k of half scores; only a few, because compiling frameworks pay for each."""


@st.composite
def layer_recipes(draw: st.DrawFn, *, claimed: Collection[str], seed: int, gradients: bool = False) -> LayerRecipe:
    """Layers of a few features, heads and experts, with up to three leading axes."""
    config = _config(draw, claimed)
    least = 1 if gradients else 0
    lead = tuple(_one_of(draw, range(least, 4)) for _ in range(_one_of(draw, range(4))))
    many, batch = prod(lead) > 1, config.query_norm == "batch"
    return LayerRecipe(
        config,
        lead,
        seed + _one_of(draw, range(256)),
        data=Data.EXACT if config.query_norm == "none" and _either(draw) else Data.FULL,
        mask=Mask.SOME if many and _either(draw) else Mask.NONE,
        training=batch and (_in_training(draw, claimed) if gradients else many and _either(draw)),
    )


def _in_training(draw: st.DrawFn, claimed: Collection[str]) -> bool:
    """Gradients are those of training (GRD-7), or also those with frozen statistics if these are claimed (GRD-9)."""
    return "frozen-statistics" not in claimed or _either(draw)


def _config(draw: st.DrawFn, claimed: Collection[str]) -> PeerConfig:
    n, heads = _one_of(draw, range(1, 6)), _one_of(draw, range(1, 5))
    options = {field: _one_of(draw, values) for profile, (field, values) in OPTIONS.items() if profile in claimed}
    own_keys = KEYS_PER_HEAD in claimed and _either(draw)
    return PeerConfig(
        d_model=_one_of(draw, range(1, 10)),
        heads=heads,
        num_experts=n * n,
        top_k=_one_of(draw, range(1, min(n * n, 10) + 1)),
        d_key=2 * _one_of(draw, range(1, 5)),
        d_out=_one_of(draw, range(1, 7)),
        key_heads=heads if own_keys else 1,
        activation=_one_of(draw, ACTIVATIONS),
        **options,
    )


@st.composite
def halves_recipes(draw: st.DrawFn, *, dtype: np.dtype[Any]) -> HalvesRecipe:
    """Two rows of half scores among a few values: zeros of both signs, neighbours, and a value that absorbs others.

    Or multiples of a part of the least normal number, where sums may be flushed (SCO-4).
    """
    info = np.finfo(dtype)
    values = (0.0, 1.0, -1.0, 0.5, -0.0, 1.0 + float(info.eps), 2.0 ** (info.nmant + 1), 3.0)
    near_zero = tuple(part * float(info.tiny) for part in (0.0, 1.0, -1.0, 0.5, -0.0, 1.25, -0.75, 2.0))
    n, k = _one_of(draw, SHAPES)
    chosen = near_zero if _either(draw) else values
    first, second = (tuple(tuple(_one_of(draw, chosen) for _ in range(n)) for _ in range(2)) for _ in range(2))
    return HalvesRecipe(first, second, k)


def _either(draw: st.DrawFn) -> bool:
    return draw(st.booleans())


def _one_of(draw: st.DrawFn, choices: Sequence[T]) -> T:
    """One of the choices, the first ones slightly more often."""
    bits = reversed(range((len(choices) - 1).bit_length()))  # the highest bit first, which is also shrunk first
    return choices[sum(_either(draw) << bit for bit in bits) % len(choices)]
