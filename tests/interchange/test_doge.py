"""The real DogeCDMoE of transformers on converted weights: the same layer for one token alone, another for several."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from support.judged import assert_within_bounds

from peerspec.interchange import LAYOUTS, InterchangeError, Reason, from_layout, to_layout
from peerspec.reference import Layer, PeerConfig

doge = pytest.importorskip(
    "transformers.models.doge.modeling_doge", reason="transformers is not installed; examples/doge/README.md says how"
)

MLP = ("gate_proj.weight", "up_proj.weight", "down_proj.weight")
CONFIGS = [
    PeerConfig(8, 1, 25, 4, 16, activation="silu"),
    PeerConfig(5, 1, 9, 9, 10, activation="gelu"),
    PeerConfig(6, 1, 49, 1, 12, activation="relu"),
    PeerConfig(4, 1, 16, 3, 8, activation="gelu_tanh"),
]
NAMES = {"gelu_tanh": "gelu_pytorch_tanh"}


def module(config: PeerConfig, dtype: str) -> Any:
    """The package's layer as it is built."""
    settings = doge.DogeConfig(
        hidden_size=config.d_model,
        intermediate_size=12,
        hidden_act=NAMES.get(config.activation, config.activation),
        num_experts=config.num_experts,
        num_experts_per_tok=config.top_k,
        is_moe=True,
    )
    return doge.DogeCDMoE(settings).to(getattr(torch, dtype)).eval()


def routed(moe: Any, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """What the experts add for tokens [T, D] in one call: y, ids [T, 1, k] and scores of the ids."""
    seen: dict[str, Any] = {}
    hook = moe.down_embed.register_forward_pre_hook(lambda _, given: seen.update(ids=given[0]))
    with torch.no_grad():
        torch.nn.init.zeros_(moe.down_proj.weight)  # the dense MLP, which a reader leaves out, adds zero
        y, logits = moe(torch.tensor(x)[None])
    hook.remove()
    ids = seen["ids"]
    n = logits.shape[-1]
    scores = logits[0].gather(-1, ids // n) + logits[1].gather(-1, ids % n)
    return y[0].numpy(), ids[:, None].numpy(), scores[:, None].numpy()


def read(moe: Any, config: PeerConfig) -> Layer:
    state = {name: tensor.numpy() for name, tensor in moe.state_dict().items()}
    return from_layout("doge", state, leave_out=MLP, **LAYOUTS["doge"].facts_of(config))


def tokens(config: PeerConfig, dtype: str) -> NDArray[Any]:
    return np.random.default_rng(1).standard_normal((12, config.d_model)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.activation)
def test_a_checkpoint_is_read_as_the_layer_that_the_package_computes_for_one_token(
    config: PeerConfig, dtype: str
) -> None:
    torch.manual_seed(0)
    moe = module(config, dtype)
    layer = read(moe, config)
    assert layer.config == config
    for x in np.split(tokens(config, dtype), 12):
        y, ids, scores = routed(moe, x)
        assert_within_bounds(layer, x, y, ids, scores)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.activation)
def test_the_package_loads_a_written_layer_and_computes_it_for_one_token(config: PeerConfig) -> None:
    torch.manual_seed(0)
    layer = read(module(config, "float64"), config)
    moe = module(config, "float64")
    tensors = {name: torch.tensor(array) for name, array in to_layout("doge", layer).items()}
    missing, unexpected = moe.load_state_dict(tensors, strict=False)
    assert (set(missing), unexpected) == (set(MLP), [])
    for x in np.split(tokens(config, "float64"), 12):
        y, ids, scores = routed(moe, x)
        assert_within_bounds(layer, x, y, ids, scores)


def test_several_tokens_in_a_call_select_experts_of_each_other() -> None:
    torch.manual_seed(0)
    config = CONFIGS[0]
    moe = module(config, "float64")
    layer, x = read(moe, config), tokens(config, "float64")
    y, ids, scores = routed(moe, x)
    with pytest.raises(AssertionError):
        assert_within_bounds(layer, x, y, ids, scores)


def test_experts_beyond_the_square_that_the_package_never_selects_are_refused_and_can_be_dropped() -> None:
    torch.manual_seed(0)
    config = CONFIGS[0]
    settings = doge.DogeConfig(
        hidden_size=8, intermediate_size=12, num_experts=30, num_experts_per_tok=4, is_moe=True, hidden_act="silu"
    )
    moe = doge.DogeCDMoE(settings).double().eval()
    with pytest.raises(InterchangeError, match=r"30 rows.*drop the rows after the first 25") as caught:
        read(moe, config)
    assert (caught.value.reason, caught.value.clause) == (Reason.NO_COUNTERPART, "CFG-1")
    state = {name: tensor.numpy() for name, tensor in moe.state_dict().items() if name not in MLP}
    state |= {name: state[name][:25] for name in ("down_embed.weight", "up_embed.weight")}
    layer = from_layout("doge", state, **LAYOUTS["doge"].facts_of(config))
    for x in np.split(tokens(config, "float64"), 12):
        y, ids, scores = routed(moe, x)
        assert_within_bounds(layer, x, y, ids, scores)
