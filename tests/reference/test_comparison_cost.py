"""The closed forms of CMP-7, and the nearest layer of CMP-8, compared with its neighbours."""

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.comparison import KINDS, config_of, random_layer

from peerspec.reference import ConfigError, Cost, PeerConfig, cost
from peerspec.reference.comparison import (
    MEASURES,
    DenseConfig,
    ExpertChoiceConfig,
    PKMConfig,
    TokenChoiceConfig,
    comparison_cost,
    equal_dense,
    equal_expert_choice,
    equal_pkm,
    equal_token_choice,
)


@pytest.mark.parametrize("expert", ["mlp", "glu"])
def test_costs_are_the_formulas_of_the_specification(expert: str) -> None:
    d, m, h, e, k = 5, 7, 3, 4, 2
    r = (2 if expert == "glu" else 1) * d + m
    dense = DenseConfig(d, h, d_out=m, expert=expert)
    assert comparison_cost(dense) == Cost(h * r, h * r, h, 2 * h * r, 4 * h * r)
    tokens = TokenChoiceConfig(d, e, k, h, d_out=m, expert=expert, capacity=1)
    active = e * d + k * h * r
    assert comparison_cost(tokens) == Cost(e * d + e * h * r, active, k * h, 2 * active, 4 * k * h * r)
    experts = ExpertChoiceConfig(d, e, h, 1.3, d_out=m, expert=expert)
    rows = 13 * h * r  # tenths
    assert comparison_cost(experts, dtype="float16") == Cost(
        e * d + e * h * r, e * d + ceil(rows / 10), ceil(1.3 * h), 2 * e * d + ceil(rows / 5), ceil(rows / 5)
    )


@pytest.mark.parametrize("kind", ["pkm", "pkm all", "pkm layer"])
def test_the_router_of_a_memory_costs_what_that_of_peer_costs(kind: str) -> None:
    config = config_of(kind)
    assert isinstance(config, PKMConfig)
    peer, got = cost(config.retrieval), comparison_cost(config)
    pairs = config.heads * config.top_k
    assert got.parameters == peer.parameters - 16 * 5
    assert got.active_parameters == peer.active_parameters - pairs * 5
    assert got.flops_per_token == peer.flops_per_token - 2 * pairs * 5
    assert got.bytes_per_token == 4 * pairs * 7
    assert got.granularity == peer.granularity


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_are_those_of_the_layer(kind: str) -> None:
    layer = random_layer(kind)
    learned = [a for name, a in layer.params.items() if name not in ("query_norm.mean", "query_norm.var")]
    assert comparison_cost(layer.config).parameters == sum(array.size for array in learned)


PEERS = st.builds(
    lambda n, k, **options: PeerConfig(num_experts=n * n, top_k=min(k, n * n), **options),
    n=st.integers(2, 6),
    k=st.integers(1, 8),
    d_model=st.integers(1, 9),
    d_out=st.integers(1, 9),
    heads=st.integers(1, 3),
    d_key=st.sampled_from([2, 4, 8]),
    expert=st.sampled_from(["mlp", "glu"]),
    query_norm=st.sampled_from(["none", "batch"]),
    activation=st.sampled_from(["relu", "silu"]),
)


def near(size: int) -> range:
    """Sizes around one; the measures grow with the size, so a nearer one would be among them."""
    return range(max(1, size - 2), size + 3)


def nearest(make: Any, sizes: range, by: str, target: int) -> Any:
    return min((make(size) for size in sizes), key=lambda config: abs(getattr(comparison_cost(config), by) - target))


@given(PEERS, st.sampled_from(MEASURES))
def test_the_dense_layer_is_the_nearest_of_all(peer: PeerConfig, by: str) -> None:
    target = getattr(cost(peer), by)
    if target < getattr(comparison_cost(DenseConfig(peer.d_model, 1, d_out=peer.d_out, expert=peer.expert)), by):
        return
    got = equal_dense(peer, by=by)
    assert (got.d_model, got.d_out, got.activation, got.expert) == (
        peer.d_model, peer.d_out, peer.activation, peer.expert,
    )  # fmt: skip
    assert got == nearest(
        lambda h: DenseConfig(peer.d_model, h, d_out=peer.d_out, activation=peer.activation, expert=peer.expert),
        near(got.d_hidden), by, target,
    )  # fmt: skip


@given(PEERS, st.sampled_from(MEASURES), st.integers(1, 4), st.data())
def test_the_mixtures_are_the_nearest_of_all(peer: PeerConfig, by: str, num_experts: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, num_experts))
    factor = data.draw(st.integers(1, 100 * num_experts)) / 100
    shared = {"d_out": peer.d_out, "activation": peer.activation, "expert": peer.expert}
    target = getattr(cost(peer), by)

    def tokens(size: int) -> TokenChoiceConfig:
        return TokenChoiceConfig(peer.d_model, num_experts, k, size, gate="softmax_before", capacity=3, **shared)

    def experts(size: int) -> ExpertChoiceConfig:
        return ExpertChoiceConfig(peer.d_model, num_experts, size, factor, **shared)

    for make, run in (
        (tokens, lambda: equal_token_choice(
            peer, by=by, num_experts=num_experts, top_k=k, gate="softmax_before", capacity=3)),
        (experts, lambda: equal_expert_choice(peer, by=by, num_experts=num_experts, capacity_factor=factor)),
    ):  # fmt: skip
        if getattr(comparison_cost(make(1)), by) > target:
            with pytest.raises(ConfigError, match=rf"{by} of {target}, .* has at least .* \(CMP-8\)"):
                run()
            continue
        got = run()
        assert got == nearest(make, near(got.d_hidden), by, target)


@given(PEERS, st.sampled_from(MEASURES))
def test_the_memory_is_the_nearest_of_all(peer: PeerConfig, by: str) -> None:
    target = getattr(cost(peer), by)

    def make(k: int) -> PKMConfig:
        return PKMConfig(
            peer.d_model, peer.heads, peer.num_experts, k, peer.d_key, d_out=peer.d_out, query_norm=peer.query_norm
        )

    if getattr(comparison_cost(make(peer.num_experts)), by) < target:
        with pytest.raises(ConfigError, match=rf"{by} of {target}, .* PKMConfig has at most .* \(CMP-8\)"):
            equal_pkm(peer, by=by)
    else:
        assert equal_pkm(peer, by=by) == nearest(make, range(1, peer.num_experts + 1), by, target)


def test_by_bytes_a_dense_layer_has_a_hidden_neuron_for_each_selected_expert() -> None:
    for expert in ("mlp", "glu"):
        peer = PeerConfig(5, 3, 16, 6, 8, d_out=7, expert=expert)
        assert equal_dense(peer, by="bytes_per_token").d_hidden == 18


def test_another_measure_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"by must be one of active_parameters, .*, got 'parameters' \(CMP-8\)"):
        equal_dense(PeerConfig(5, 3, 16, 6, 8), by="parameters")
