"""Each layout as its source reads it: half scores and rows of experts, on whole numbers and so exactly.

The formulas are those of the sources that docs/implementations.md names, written again in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from peerspec.interchange import LAYOUTS, from_layout, retrieval_from_layout
from peerspec.reference import forward
from peerspec.reference.half_scores import half_scores
from peerspec.reference.query import query

T, D, h, n, c = 7, 6, 3, 5, 4
Arrays = dict[str, NDArray[Any]]


def whole(rng: np.random.Generator, *shape: int) -> NDArray[Any]:
    return rng.integers(-4, 5, shape).astype(np.float64)


def peer_pytorch(s: Arrays, x: NDArray[Any]) -> NDArray[Any]:
    """``b n (p h d) -> p b n h d``, then ``p b n h d, h k p d -> p b n h k``."""
    queries = (x @ s["to_queries.0.weight"].T).reshape(T, 2, h, c)
    return np.einsum("tphc,hnpc->pthn", queries, s["keys"])


def mttl(s: Arrays, x: NDArray[Any]) -> NDArray[Any]:
    """``b s (h p d)``, then ``bshpd,hnpd->bshpn``."""
    queries = (x @ s["selector.q.weight"].T).reshape(T, h, 2, c)
    return np.einsum("thpc,hnpc->pthn", queries, s["selector.keys"])


def doge(s: Arrays, x: NDArray[Any]) -> NDArray[Any]:
    """``view(2, 1, n)`` of the router's output for each token alone."""
    return np.stack([(x[t : t + 1] @ s["router_gate.weight"].T).reshape(2, 1, n) for t in range(T)], axis=1)


def memory(s: Arrays, x: NDArray[Any]) -> NDArray[Any]:
    """``query.view(-1, heads, k_dim)`` in halves, ``keys.view(heads, 2, -1, half)``."""
    q = x @ s["query_proj.query_mlps.0.weight"].T + s["query_proj.query_mlps.0.bias"]
    keys, q = s["keys"].reshape(h, 2, -1, c), q.reshape(T, h, 2 * c)
    return np.stack([np.einsum("blh,lkh->blk", q[..., p * c : (p + 1) * c], keys[:, p]) for p in range(2)])


def xlm(s: Arrays, x: NDArray[Any]) -> NDArray[Any]:
    """``keys[i][0]`` and ``keys[i][1]`` of head i, for the halves of its query."""
    q = (x @ s["query_proj.0.weight"].T + s["query_proj.0.bias"]).reshape(T, h, 2 * c)
    halves = [[q[:, i, p * c : (p + 1) * c] @ s["keys"][i][p].T for i in range(h)] for p in range(2)]
    return np.array(halves).transpose(0, 2, 1, 3)


QUERIES = {"query_proj.query_mlps.0.weight": (2 * h * c, D), "query_proj.query_mlps.0.bias": (2 * h * c,)}
SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "peer-pytorch": {
        "to_queries.0.weight": (2 * h * c, D),
        "keys": (h, n, 2, c),
        "weight_down_embed.weight": (n * n, D),
        "weight_up_embed.weight": (n * n, D),
    },
    "mttl": {
        "selector.q.weight": (2 * h * c, D),
        "selector.keys": (h, n, 2, c),
        "peer_weight_down_embed.weight": (n * n, D),
        "peer_weight_up_embed.weight": (n * n, D + 1),
    },
    "doge": {"router_gate.weight": (2 * n, D), "down_embed.weight": (n * n, D), "up_embed.weight": (n * n, D)},
    "memory-peer": {
        **QUERIES,
        "keys": (2 * h * n, c),
        "values_u.weight": (n * n, D),
        "values_v.weight": (n * n, D),
    },
    "memory-pkm": {**QUERIES, "keys": (2 * h * n, c)},
    "xlm": {"query_proj.0.weight": (2 * h * c, D), "query_proj.0.bias": (2 * h * c,), "keys": (h, 2, n, c)},
}
FORMULAS = {
    "peer-pytorch": peer_pytorch,
    "mttl": mttl,
    "doge": doge,
    "memory-peer": memory,
    "memory-pkm": memory,
    "xlm": xlm,
}
FACTS: dict[str, dict[str, Any]] = {
    "peer-pytorch": {"top_k": 3, "activation": "relu", "gate": "softmax", "sub_keys_per_half": 4},
    "mttl": {"top_k": n, "activation": "relu", "gate": "softmax"},
    "doge": {"top_k": 3, "activation": "relu", "tokens_per_call": 1},
    "memory-peer": {"top_k": 3},
    "memory-pkm": {"top_k": 3},
    "xlm": {"top_k": 3},
}


def test_every_layout_has_its_formula() -> None:
    assert FORMULAS.keys() == SHAPES.keys() == FACTS.keys() == LAYOUTS.keys()


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_half_scores_are_those_of_the_source(name: str) -> None:
    rng = np.random.default_rng(0)
    tensors = {key: whole(rng, *shape) for key, shape in SHAPES[name].items()}
    x = whole(rng, T, D)
    retrieval = retrieval_from_layout(name, tensors, **FACTS[name])
    experts = {"experts.u": np.zeros((n * n, D)), "experts.v": np.zeros((n * n, 1))}
    layer = retrieval.with_experts(experts, activation="relu")
    found = half_scores(layer, query(layer, x))
    np.testing.assert_array_equal(np.stack(found), FORMULAS[name](tensors, x))


@pytest.mark.parametrize(
    ("name", "down", "up"),
    [
        ("peer-pytorch", "weight_down_embed.weight", "weight_up_embed.weight"),
        ("mttl", "peer_weight_down_embed.weight", "peer_weight_up_embed.weight"),
        ("doge", "down_embed.weight", "up_embed.weight"),
        ("memory-peer", "values_u.weight", "values_v.weight"),
    ],
)
def test_the_rows_of_experts_are_those_that_the_source_reads(name: str, down: str, up: str) -> None:
    """The best expert of a head is the pair of its best sub-keys, with the id i·n + j."""
    rng = np.random.default_rng(0)
    tensors = {key: whole(rng, *shape) for key, shape in SHAPES[name].items()}
    layer, x = from_layout(name, tensors, **FACTS[name]), whole(rng, T, D)
    s1, s2 = FORMULAS[name](tensors, x)
    best = s1.argmax(-1) * n + s2.argmax(-1)
    np.testing.assert_array_equal(forward(layer, x).indices[..., 0], best)
    np.testing.assert_array_equal(layer.params["experts.u"][best], tensors[down][best])
    np.testing.assert_array_equal(layer.params["experts.v"][best], tensors[up][best])
