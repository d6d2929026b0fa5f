"""Layers that each layout can hold, for Hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from peerspec.interchange import LAYOUTS, Layout, Retrieval
from peerspec.reference import DTYPES, Layer, PeerConfig, parameter_dtype
from peerspec.reference.config import ACTIVATIONS

WITH_EXPERTS = [name for name, layout in LAYOUTS.items() if layout.has_experts]
MEMORIES = [name for name, layout in LAYOUTS.items() if not layout.has_experts]


@st.composite
def layers(draw: st.DrawFn, layout: Layout) -> Layer:
    """A layer that the layout can hold; its sizes are small, and often differ."""
    config, dtype = draw(configs(layout)), DTYPES[draw(st.sampled_from(sorted(DTYPES)))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    params = {
        name: rng.uniform(0.5, 1.5, shape).astype(parameter_dtype(name, dtype))
        for name, shape in config.shapes().items()
    }
    if layout.query_is_token:
        params["query.weight"] = np.concatenate([np.eye(config.d_model, dtype=dtype)] * 2)[None]
    return Layer(config, params)


@st.composite
def configs(draw: st.DrawFn, layout: Layout) -> PeerConfig:
    """A configuration that the layout can hold."""
    heads = 1 if layout.name == "doge" else draw(st.integers(2 if layout.name.startswith("memory") else 1, 4))
    n, d_model = draw(st.integers(1, 5)), draw(st.integers(1, 4)) * 2
    most = {"peer-pytorch": n * n, "doge": n * n}.get(layout.name, n)
    return PeerConfig(
        d_model,
        heads,
        n * n,
        n if layout.name == "mttl" else draw(st.integers(1, most)),
        2 * d_model if layout.name == "doge" else 2 * draw(st.integers(1, 3)),
        d_out=draw(st.integers(1, 7)) if layout.name in ("mttl", *MEMORIES) else d_model,
        query_bias=layout.name == "xlm" or (layout.name.startswith("memory") and draw(st.booleans())),
        key_heads=heads,
        activation="gelu" if layout.name == "memory-peer" else draw(st.sampled_from(ACTIVATIONS)),
        query_norm=draw(st.sampled_from(["none", "batch"])) if layout.name == "xlm" else "none",
    )


def assert_same(found: Layer | Retrieval, expected: Layer | Retrieval) -> None:
    """Check that two layers, or their retrievals, are the same bit for bit."""
    assert _settings(found) == _settings(expected)
    assert list(found.params) == list(expected.params)
    for name, array in expected.params.items():
        assert found.params[name].dtype == array.dtype
        assert found.params[name].shape == array.shape
        assert found.params[name].tobytes() == array.tobytes(), name


def _settings(part: Layer | Retrieval) -> Any:
    return part.config if isinstance(part, Layer) else dict(part.fields)


def facts_of(layout: Layout, part: Layer | Retrieval) -> dict[str, Any]:
    """What a reader of its tensors must state."""
    return layout.facts_of(part.config if isinstance(part, Layer) else PeerConfig(**part.fields))
