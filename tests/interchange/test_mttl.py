"""The real layer of mttl on converted weights: the same layer where a head selects n experts, another elsewhere.

The files of the layer run unchanged, loaded as ``examples/mttl/backend.py`` explains.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.judged import assert_within_bounds

from peerspec.backends import load
from peerspec.interchange import LAYOUTS, from_layout, to_layout
from peerspec.reference import Layer, PeerConfig

if find_spec("mttl") is None or find_spec("einops") is None:
    pytest.skip("mttl is not installed; examples/mttl/README.md says how", allow_module_level=True)

import torch
from torch import nn

EXAMPLE = Path(__file__).parents[2] / "examples" / "mttl" / "backend.py"
CONFIGS = [
    PeerConfig(8, 3, 25, 5, 6, d_out=5, key_heads=3, activation="gelu"),
    PeerConfig(5, 1, 16, 4, 4, d_out=7, activation="silu"),
    PeerConfig(6, 2, 9, 3, 10, key_heads=2, activation="relu"),
]
ACTIVATIONS = {"gelu": nn.GELU, "silu": nn.SiLU, "relu": nn.ReLU}


@pytest.fixture(scope="module")
def mttl() -> Any:
    return load(str(EXAMPLE))


def module(mttl: Any, config: PeerConfig) -> Any:
    """The package's layer as it is built."""
    replaced = nn.Module()
    replaced.fc1, replaced.fc2 = nn.Linear(config.d_model, 32), nn.Linear(32, config.d_out)
    replaced.act = ACTIVATIONS[config.activation]()
    experts = mttl.SimpleNamespace(moe_num_experts=config.num_experts, down_proj_layer="fc1", up_proj_layer="fc2")
    routing = mttl.product_key.PKSelectorConfig(
        num_heads=config.heads, emb_dim=config.d_key // 2, top_k=config.top_k, moe_num_experts=config.num_experts
    )
    peer = mttl.peer_container.PEERMLPContainer(experts, replaced, routing)
    peer.initialize_experts(experts)
    return peer.eval()


def answer(peer: Any, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """y, ids and scores for tokens [T, D]."""
    seen: dict[str, Any] = {}
    peer.peer_weight_down_embed.register_forward_hook(lambda _, given, rows: seen.update(ids=given[0]))
    peer.selector.gate_activation.register_forward_hook(lambda _, given, gates: seen.update(scores=given[0]))
    with torch.no_grad():
        y = peer(torch.tensor(x)[None])
    return y[0].numpy(), seen["ids"][0].numpy(), seen["scores"][0].numpy()


def tokens(config: PeerConfig) -> NDArray[Any]:
    return np.random.default_rng(1).standard_normal((12, config.d_model), dtype=np.float32)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.activation)
def test_a_checkpoint_with_k_equal_to_n_is_read_as_the_layer_that_the_package_computes(
    mttl: Any, config: PeerConfig
) -> None:
    torch.manual_seed(0)
    peer = module(mttl, config)
    state = {name: tensor.numpy() for name, tensor in peer.state_dict().items()}
    layer = from_layout("mttl", state, **LAYOUTS["mttl"].facts_of(config))
    assert layer.config == config
    x = tokens(config)
    y, ids, scores = answer(peer, x)
    assert_within_bounds(layer, x, y, ids, scores)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.activation)
def test_the_package_loads_a_written_layer_and_computes_it(mttl: Any, config: PeerConfig) -> None:
    layer, peer = Layer.random(config, seed=3), module(mttl, config)
    peer.load_state_dict({name: torch.tensor(array) for name, array in to_layout("mttl", layer).items()}, strict=True)
    x = tokens(config)
    y, ids, scores = answer(peer, x)
    assert_within_bounds(layer, x, y, ids, scores)


def test_with_fewer_experts_the_ids_of_the_package_are_others(mttl: Any) -> None:
    """What the refusal says is true: with k < n the package computes another layer."""
    torch.manual_seed(0)
    peer = module(mttl, replace(CONFIGS[0], top_k=3))
    state = {name: tensor.numpy() for name, tensor in peer.state_dict().items()}
    whole = from_layout("mttl", state, **LAYOUTS["mttl"].facts_of(CONFIGS[0]))
    layer, x = Layer(replace(whole.config, top_k=3), whole.params), tokens(CONFIGS[0])
    y, ids, scores = answer(peer, x)
    with pytest.raises(AssertionError):
        assert_within_bounds(layer, x, y, ids, scores)
