"""What Hypothesis draws: small layers with any options claimed, and half scores full of ties.

Choices come simplest first, because Hypothesis shrinks towards the first.
"""

from __future__ import annotations

from collections.abc import Collection
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from peerspec.conformance.recipe import HalvesRecipe, LayerRecipe
from peerspec.reference import PeerConfig

__all__ = ["halves_recipes", "layer_recipes"]

ACTIVATIONS = ("relu", "identity", "silu", "gelu", "gelu_tanh")
OPTIONS: dict[str, tuple[str, tuple[Any, ...]]] = {
    "query-bias": ("query_bias", (False, True)),
    "query-norm": ("query_norm", ("none", "layer", "batch")),
    "glu": ("expert", ("mlp", "glu")),
    "sigmoid": ("gate", ("softmax", "sigmoid")),
}
"""By profile: the field of the configuration and its values."""
SHAPES = ((1, 1), (2, 1), (2, 2), (2, 3), (3, 2), (3, 4), (3, 9), (4, 8), (5, 3), (5, 7), (8, 5), (8, 20))
"""n and k of half scores; no more, because compiling frameworks pay for each."""


@st.composite
def layer_recipes(draw: st.DrawFn, *, claimed: Collection[str], seed: int, gradients: bool = False) -> LayerRecipe:
    """Layers of a few features, heads and experts, with up to three leading axes."""
    config = draw(_configs(claimed))
    lead = tuple(draw(st.lists(st.integers(1 if gradients else 0, 3), max_size=3)))
    many, batch = prod(lead) > 1, config.query_norm == "batch"
    return LayerRecipe(
        config,
        lead,
        seed + draw(st.integers(0, 255)),
        exact=config.query_norm == "none" and draw(st.booleans()),
        masked=many and draw(st.booleans()),
        training=batch and (gradients or (many and draw(st.booleans()))),  # gradients are those of training (GRD-7)
    )


@st.composite
def _configs(draw: st.DrawFn, claimed: Collection[str]) -> PeerConfig:
    n, heads = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    options = {
        field: draw(st.sampled_from(values)) for profile, (field, values) in OPTIONS.items() if profile in claimed
    }
    own_keys = "per-head-keys" in claimed and draw(st.booleans())
    return PeerConfig(
        d_model=draw(st.integers(1, 9)),
        heads=heads,
        num_experts=n * n,
        top_k=draw(st.integers(1, min(n * n, 10))),
        d_key=2 * draw(st.integers(1, 4)),
        d_out=draw(st.integers(1, 6)),
        key_heads=heads if own_keys else 1,
        activation=draw(st.sampled_from(ACTIVATIONS)),
        **options,
    )


@st.composite
def halves_recipes(draw: st.DrawFn, *, dtype: np.dtype[Any]) -> HalvesRecipe:
    """Two rows of half scores among a few values: zeros of both signs, neighbours, and one that absorbs."""
    info = np.finfo(dtype)
    values = (0.0, 1.0, -1.0, 0.5, -0.0, 1.0 + float(info.eps), 2.0 ** (info.nmant + 1), 3.0)
    n, k = draw(st.sampled_from(SHAPES))
    half = st.tuples(*[st.tuples(*[st.sampled_from(values)] * n)] * 2)
    return HalvesRecipe(draw(half), draw(half), k)
