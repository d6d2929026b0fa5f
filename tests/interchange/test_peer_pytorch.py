"""The real package PEER-pytorch on converted weights, in both directions, within the bounds of the specification."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.judged import assert_within_bounds

from peerspec.interchange import LAYOUTS, InterchangeError, Reason, from_layout, to_layout, with_keys_per_head
from peerspec.reference import Layer, Output, PeerConfig

pytest.importorskip("PEER_pytorch", reason="PEER-pytorch is not installed; pip install 'peerspec[examples]' brings it")

import torch
from PEER_pytorch import PEER
from torch import nn

LAYOUT = LAYOUTS["peer-pytorch"]
ACTIVATIONS = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "gelu_tanh": partial(nn.GELU, approximate="tanh"),
    "silu": nn.SiLU,
    "identity": nn.Identity,
}
CONFIGS = [
    PeerConfig(8, 3, 25, 4, 6, key_heads=3),
    PeerConfig(6, 1, 16, 1, 10, activation="relu"),
    PeerConfig(10, 2, 9, 9, 4, key_heads=2, activation="silu"),
    PeerConfig(4, 5, 49, 6, 2, key_heads=5, activation="gelu_tanh"),
    PeerConfig(8, 4, 36, 3, 14, key_heads=4, activation="identity"),
]


def module(config: PeerConfig, dtype: str, **options: Any) -> PEER:
    """The package's layer with the sizes of a configuration, in evaluation mode, with options of its own."""
    chosen: dict[str, Any] = {
        "heads": config.heads,
        "num_experts": config.num_experts,
        "num_experts_per_head": config.top_k,
        "product_key_topk": min(config.top_k, config.n),
        "dim_key": config.d_key // 2,
        "activation": ACTIVATIONS[config.activation],
        "non_competing_scores": False,
    }
    return PEER(config.d_model, **chosen | options).to(getattr(torch, dtype)).eval()


def answer(peer: PEER, x: NDArray[Any]) -> Output:
    """y and the routing of the package for tokens [T, D]."""
    seen: dict[str, Any] = {}
    hooks = [
        peer.weight_down_embed.register_forward_hook(lambda _, given, rows: seen.update(ids=given[0])),
        peer.score_activation.register_forward_hook(lambda _, given, gates: seen.update(scores=given[0], gates=gates)),
    ]
    with torch.no_grad():
        y = peer(torch.tensor(x)[None])
    for hook in hooks:
        hook.remove()
    return Output(*(part[0].numpy() for part in (y, seen["scores"], seen["ids"], seen["gates"])))


def state_of(peer: PEER) -> dict[str, NDArray[Any]]:
    return {name: tensor.numpy() for name, tensor in peer.state_dict().items()}


def tokens(config: PeerConfig, dtype: str) -> NDArray[Any]:
    return np.random.default_rng(1).standard_normal((40, config.d_model)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.activation)
def test_a_checkpoint_of_the_package_is_read_as_the_layer_that_the_package_computes(
    config: PeerConfig, dtype: str
) -> None:
    torch.manual_seed(0)
    peer = module(config, dtype)
    layer = from_layout("peer-pytorch", state_of(peer), **LAYOUT.facts_of(config))
    assert layer.config == config
    x = tokens(config, dtype)
    out = answer(peer, x)
    assert_within_bounds(layer, x, out.y, out.indices, out.scores)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.activation)
def test_the_package_loads_a_written_layer_and_computes_it(config: PeerConfig, dtype: str) -> None:
    layer, peer = Layer.random(config, seed=3, dtype=dtype), module(config, dtype)
    tensors = {name: torch.tensor(array) for name, array in to_layout("peer-pytorch", layer).items()}
    peer.load_state_dict(tensors, strict=True)
    x = tokens(config, dtype)
    out = answer(peer, x)
    assert_within_bounds(layer, x, out.y, out.indices, out.scores)


def test_copies_of_common_keys_make_the_package_compute_the_layer() -> None:
    layer = Layer.random(PeerConfig(8, 3, 25, 4, 6))
    own = with_keys_per_head(layer)
    peer = module(own.config, "float32")
    peer.load_state_dict({name: torch.tensor(array) for name, array in to_layout("peer-pytorch", own).items()})
    x = tokens(own.config, "float32")
    out = answer(peer, x)
    assert_within_bounds(layer, x, out.y, out.indices, out.scores)


def test_more_sub_keys_than_experts_change_nothing() -> None:
    torch.manual_seed(0)
    config = CONFIGS[0]
    peer = module(config, "float64", product_key_topk=config.n)
    layer = from_layout("peer-pytorch", state_of(peer), **LAYOUT.facts_of(config) | {"sub_keys_per_half": config.n})
    x = tokens(config, "float64")
    out = answer(peer, x)
    assert_within_bounds(layer, x, out.y, out.indices, out.scores)


def test_a_norm_before_the_layer_is_applied_by_the_caller() -> None:
    torch.manual_seed(0)
    config = CONFIGS[0]
    peer = module(config, "float64", pre_rmsnorm=True)
    layer = from_layout("peer-pytorch", state_of(peer), leave_out=["norm.gamma"], **LAYOUT.facts_of(config))
    x = tokens(config, "float64")
    with torch.no_grad():
        normalised = peer.norm(torch.tensor(x)).numpy()
    out = answer(peer, x)
    assert_within_bounds(layer, normalised, out.y, out.indices, out.scores)


def test_swapped_tables_would_be_noticed() -> None:
    """The check itself: a wrong layer of the right shapes lies outside the bounds."""
    torch.manual_seed(0)
    peer = module(CONFIGS[0], "float64")
    state = state_of(peer)
    state["weight_down_embed.weight"], state["weight_up_embed.weight"] = (
        state["weight_up_embed.weight"],
        state["weight_down_embed.weight"],
    )
    layer = from_layout("peer-pytorch", state, **LAYOUT.facts_of(CONFIGS[0]))
    x = tokens(CONFIGS[0], "float64")
    out = answer(peer, x)
    with pytest.raises(AssertionError):
        assert_within_bounds(layer, x, out.y, out.indices, out.scores)


@pytest.mark.parametrize("axes", ["(h p c) D", "(h c p) D", "(p c h) D"])
def test_another_order_of_the_query_would_be_noticed(axes: str) -> None:
    torch.manual_seed(0)
    peer = module(CONFIGS[0], "float64")
    parts = tuple(replace(p, axes=axes) if p.parameter == "query.weight" else p for p in LAYOUT.parts)
    layer = from_layout(replace(LAYOUT, parts=parts), state_of(peer), **LAYOUT.facts_of(CONFIGS[0]))
    x = tokens(CONFIGS[0], "float64")
    out = answer(peer, x)
    with pytest.raises(AssertionError):
        assert_within_bounds(layer, x, out.y, out.indices, out.scores)


def test_a_checkpoint_with_separate_tables_for_heads_is_refused_by_its_shapes() -> None:
    peer = module(CONFIGS[0], "float32", separate_embed_per_head=True)
    with pytest.raises(InterchangeError, match="5² for each head") as caught:
        from_layout("peer-pytorch", state_of(peer), **LAYOUT.facts_of(CONFIGS[0]))
    assert caught.value.reason is Reason.NO_COUNTERPART
    assert caught.value.subject == "weight_down_embed.weight"
