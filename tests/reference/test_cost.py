"""The closed forms of chapter 8, compared with counts."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from peerspec.reference import Layer, PeerConfig, cost, forward

OPTIONS = [
    {"expert": expert, "query_bias": bias, "query_norm": norm, "key_heads": keys, "top_k": k}
    for expert, bias, norm, keys, k in product(
        ("mlp", "glu"), (False, True), ("none", "batch", "layer"), (1, 3), (1, 3, 6, 16)
    )
]


def config_of(**options: Any) -> PeerConfig:
    return PeerConfig(**({"d_model": 5, "heads": 3, "num_experts": 16, "d_key": 8, "d_out": 7} | options))


def counted_flops(c: PeerConfig) -> int:
    """All multiplications and additions of the two-stage forward pass; an inner product of m terms has m of each."""
    flops = 0
    for _ in range(c.heads):
        for _ in range(c.d_key):
            flops += 2 * c.d_model  # a feature of the query
        for _ in range(2 * c.n):
            flops += 2 * (c.d_key // 2)  # a half score
        for _ in range(min(c.top_k, c.n)):
            flops += min(c.top_k, c.n)  # a row of the grid of sums
        for _ in range(c.top_k):
            flops += 2 * c.d_model * (2 if c.expert == "glu" else 1) + 2 * c.d_out  # an expert
    return flops


@pytest.mark.parametrize("options", OPTIONS)
def test_costs_are_those_counted(options: dict[str, Any]) -> None:
    config = config_of(**options)
    layer, got = Layer.random(config), cost(config)
    learned = {n: a for n, a in layer.params.items() if n not in ("query_norm.mean", "query_norm.var")}
    assert got.parameters == sum(a.size for a in learned.values())
    rows = sum(a[0].size for n, a in learned.items() if n.startswith("experts."))
    router = sum(a.size for n, a in learned.items() if not n.startswith("experts."))
    assert got.granularity == 3 * config.top_k
    assert got.active_parameters == router + got.granularity * rows
    assert got.flops_per_token == counted_flops(config)
    assert got.bytes_per_token == got.granularity * rows * 4


@pytest.mark.parametrize("options", OPTIONS[::5])
def test_costs_are_the_formulas_of_the_specification(options: dict[str, Any]) -> None:
    c = config_of(**options)
    big_n, n, d, h, k, keys = c.num_experts, c.n, c.d_key, c.heads, c.top_k, c.key_heads
    row = c.d_model * (2 if c.expert == "glu" else 1) + c.d_out
    total = big_n * row + keys * 2 * n * d // 2 + h * d * c.d_model
    total += h * d * c.query_bias + 2 * h * d * (c.query_norm != "none")
    got = cost(c)
    assert got.parameters == total
    assert got.active_parameters == total - big_n * row + h * k * row
    assert got.flops_per_token == 2 * h * d * c.d_model + 2 * h * n * d + h * min(k, n) ** 2 + 2 * h * k * row


def test_bytes_follow_the_dtype() -> None:
    config = config_of(top_k=6)
    assert [cost(config, dtype=t).bytes_per_token for t in (np.float64, np.float32, np.float16)] == [
        18 * 12 * 8,
        18 * 12 * 4,
        18 * 12 * 2,
    ]


def test_one_token_reads_no_more_rows_than_granularity_says() -> None:
    config = config_of(top_k=6)
    layer = Layer.random(config)
    out = forward(layer, np.ones(5, np.float32))
    assert out.indices is not None
    assert len(np.unique(out.indices)) <= cost(config).granularity
