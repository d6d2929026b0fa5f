"""What Hypothesis draws: layers of any size regime with any claimed options, and half scores full of ties.

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

from peerspec.conformance.cases.entries import DATA, Data
from peerspec.conformance.cases.options import KEYS_PER_HEAD, OPTIONS
from peerspec.conformance.cases.recipe import HalvesRecipe, LayerRecipe, Mask, Memory
from peerspec.conformance.explore.sizes import SMALL, Sizes, edges, fitted
from peerspec.reference import PeerConfig

__all__ = ["halves_recipes", "layer_recipes"]

T = TypeVar("T")

ACTIVATIONS = ("relu", "identity", "silu", "gelu", "gelu_tanh")
SHAPES = ((1, 1), (2, 1), (2, 3), (3, 4), (3, 9), (4, 8), (5, 7), (8, 20), (9, 16), (17, 33), (33, 64))
"""n and k of half scores; only a few, because compiling frameworks pay for each."""


@st.composite
def layer_recipes(draw: st.DrawFn, *, claimed: Collection[str], seed: int, most: int) -> LayerRecipe:
    """Layers and tokens of sizes on both sides of the edges of kernels, with any axes, data, mask and memory."""
    options = {field: _one_of(draw, values) for profile, (field, values) in OPTIONS.items() if profile in claimed}
    own_keys = KEYS_PER_HEAD in claimed and _either(draw)
    activation = _one_of(draw, ACTIVATIONS)
    sizes = fitted(_sizes(draw), most, glu=options.get("expert") == "glu")
    config = PeerConfig(
        d_model=sizes.d_model,
        heads=sizes.heads,
        num_experts=sizes.n**2,
        top_k=sizes.top_k,
        d_key=2 * sizes.half,
        d_out=sizes.d_out,
        key_heads=sizes.heads if own_keys else 1,
        activation=activation,
        **options,
    )
    lead = _lead(draw, sizes.tokens)
    many = prod(lead) > 1
    kinds = [data for data in Data if config.query_norm == "none" or not DATA[data].exact]
    return LayerRecipe(
        config,
        lead,
        seed + _one_of(draw, range(256)),
        data=_one_of(draw, kinds),
        mask=_one_of(draw, list(Mask)) if many and _either(draw) else Mask.NONE,
        training=config.query_norm == "batch" and many and _either(draw),
        memory=_one_of(draw, list(Memory)) if _either(draw) else Memory.ROWS,
    )


def _sizes(draw: st.DrawFn) -> Sizes:
    """Each size is small, or near an edge in one of four."""
    n = _size(draw, 5)
    return Sizes(
        n=n,
        heads=_size(draw, 4, most=4),
        half=_size(draw, 5),
        d_model=_size(draw),
        d_out=_size(draw),
        top_k=min(n * n, _size(draw, 4)),
        tokens=_size(draw, 6),
    )


def _size(draw: st.DrawFn, last: int = 8, *, most: int = SMALL) -> int:
    """A size up to ``most``, or at an edge of an interval up to the one of that number."""
    if not (_either(draw) and _either(draw)):
        return _one_of(draw, range(1, most + 1))
    return _one_of(draw, edges(_one_of(draw, range(2, last + 1))))


def _lead(draw: st.DrawFn, tokens: int) -> tuple[int, ...]:
    """One leading axis, or none, two, three, or an empty one."""
    form = _one_of(draw, range(8))
    shapes = {
        0: (),
        1: (2, tokens),
        2: (tokens, 1),
        3: (1, tokens, 2),
        4: (3, 1, 2),
        5: (0,) if _either(draw) else (1,),
    }
    return shapes.get(form, (tokens,))


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
