"""A layout that is in no list is data, too: interleaved halves, other numbers of experts, GLU experts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from peerspec.interchange import LAYOUTS, Layout, Part, Source, from_layout, to_layout
from peerspec.interchange.facts import top_k
from peerspec.reference import Layer, PeerConfig, forward

INTERLEAVED = Layout(
    "interleaved",
    Source("an example", "1", "layer.py"),
    parts=(
        Part("wq", "query.weight", "(h c p) D"),
        Part("bq", "query.bias", "(h c p)"),
        Part("k", "keys", "p n h c"),
        Part("up", "experts.u", "D (j i)"),
        Part("down", "experts.v", "(j i) M"),
        Part("gate", "experts.w", "(j i) D"),
    ),
    facts=(top_k("k"),),
    fixed={"activation": "silu", "gate": "sigmoid"},
)
CONFIG = PeerConfig(
    7, 3, 25, 4, 6, d_out=5, key_heads=3, query_bias=True, expert="glu", activation="silu", gate="sigmoid"
)


def test_interleaved_halves_and_experts_numbered_by_the_second_half_are_permutations() -> None:
    layer = Layer.random(CONFIG, dtype=np.float64)
    tensors = to_layout(INTERLEAVED, layer)
    assert {name: array.shape for name, array in tensors.items()}["up"] == (7, 25)
    x = np.random.default_rng(0).standard_normal((9, 7))
    q = (x @ tensors["wq"].T + tensors["bq"]).reshape(9, 3, 3, 2)  # the halves alternate
    s = np.einsum("thcp,pnhc->pthn", q, tensors["k"])
    best = s.argmax(-1)  # [2, T, h]
    row = best[1] * 5 + best[0]  # numbered by the second half
    out = forward(layer, x)
    np.testing.assert_array_equal(out.indices[..., 0], best[0] * 5 + best[1])
    np.testing.assert_array_equal(tensors["down"][row], layer.params["experts.v"][out.indices[..., 0]])
    back = from_layout(INTERLEAVED, tensors, top_k=4)
    assert back.config == layer.config
    for name, array in layer.params.items():
        np.testing.assert_array_equal(back.params[name], array)


def test_a_part_shows_its_rearrangement_in_the_notation_of_einops() -> None:
    einops = pytest.importorskip("einops", reason="einops comes with PEER-pytorch")
    layer = Layer.random(CONFIG)
    for part in INTERLEAVED.parts:
        expected = einops.rearrange(layer.params[part.parameter], part.pattern, **part.lengths(CONFIG))
        np.testing.assert_array_equal(to_layout(INTERLEAVED, layer)[part.tensor], expected)


def test_one_wrong_axis_of_a_layout_changes_the_layer() -> None:
    layer = Layer.random(PeerConfig(8, 3, 25, 4, 6, key_heads=3))
    known = LAYOUTS["peer-pytorch"]
    wrong = replace(known, parts=tuple(replace(p, axes=p.axes.replace("p h c", "h p c")) for p in known.parts))
    back = from_layout(wrong, to_layout(known, layer), **known.facts_of(layer.config))
    assert not np.array_equal(back.params["query.weight"], layer.params["query.weight"])
