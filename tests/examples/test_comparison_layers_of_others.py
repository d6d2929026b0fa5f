"""Public mixtures of experts and product-key memories, compared with the comparison layers of the reference.

Results and gradients are judged by the bounds of PRC-4, in float32, for the choices that the implementation made. The
rows of docs/implementations.md state the outcomes.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from support.comparison import random_layer, tokens_of
from support.comparison_bounds import assert_within, gradients_within, logit_bounds, y_within
from torch import nn

from peerspec.backends.torch.comparison import TokenChoice
from peerspec.conformance.bounds.model import model_for
from peerspec.reference.comparison import ComparisonLayer, PKMConfig, TokenChoiceConfig, forward
from peerspec.reference.comparison.token_choice import keep

F32 = np.float32
TOKENS = 12


def mixture(**options: Any) -> tuple[ComparisonLayer, Any, Any]:
    """A float32 token-choice layer with D = M = 6, 12 tokens, and dy."""
    layer = random_layer("tokens", F32, d_model=6, d_out=6, **options)
    x, dy = (array.astype(F32) for array in tokens_of(layer, TOKENS))
    return layer, x, dy


def filled(module: nn.Module, values: dict[str, Any]) -> Any:
    """The module with these parameters."""
    with torch.no_grad():
        for name, value in values.items():
            module.get_parameter(name).copy_(torch.tensor(np.ascontiguousarray(value)))
    return module.eval()


def admissible(layer: ComparisonLayer, x: Any, ids: Any) -> bool:
    """TCM-3, for lists of distinct experts."""
    bound = logit_bounds(model_for(layer.dtype), layer, x.astype(np.float64))
    chosen = np.zeros(bound.value.shape, bool)
    np.put_along_axis(chosen, ids, True, -1)
    least = np.where(chosen, bound.value + bound.error, np.inf).min(-1)
    best = np.where(chosen, -np.inf, bound.value - bound.error).max(-1)
    return bool((chosen.sum(-1) == layer.config.top_k).all() and (best <= least).all())


def judged(layer: ComparisonLayer, x: Any, dy: Any, run: Any, ids: Any, gradients_of: Any) -> None:
    """Choices, y and all gradients of one call."""
    assert admissible(layer, x, ids)
    kept = keep(ids, np.ones(len(x), bool), layer.config.num_experts, layer.config.capacity)
    out = SimpleNamespace(indices=ids, kept=kept)
    tokens = torch.tensor(x, requires_grad=True)
    y = run(tokens)
    y_within(layer, x, y.detach().numpy(), out)
    y.backward(torch.tensor(dy))
    assert tokens.grad is not None
    gradients_within(layer, x, dy, gradients_of() | {"x": tokens.grad.numpy()}, out)


def mixtral_block(layer: ComparisonLayer) -> Any:
    mixtral = pytest.importorskip(
        "transformers.models.mixtral.modeling_mixtral", reason="transformers is not installed"
    )
    c, p = layer.config, layer.params
    config = mixtral.MixtralConfig(
        hidden_size=6, intermediate_size=c.d_hidden, num_local_experts=c.num_experts,
        num_experts_per_tok=c.top_k, hidden_act="silu",
    )  # fmt: skip
    values = {
        "gate.weight": p["router.weight"],
        "experts.gate_up_proj": np.concatenate([p["experts.w"], p["experts.u"]], 1),
        "experts.down_proj": p["experts.v"].transpose(0, 2, 1),
    }
    return filled(mixtral.MixtralSparseMoeBlock(config), values)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_mixtral_computes_softmax_after_without_capacity(k: int) -> None:
    layer, x, dy = mixture(expert="glu", activation="silu", top_k=k)
    block = mixtral_block(layer)

    def gradients_of() -> dict[str, Any]:
        both = block.experts.gate_up_proj.grad.numpy()
        return {
            "router.weight": block.gate.weight.grad.numpy(),
            "experts.w": both[:, : layer.config.d_hidden],
            "experts.u": both[:, layer.config.d_hidden :],
            "experts.v": block.experts.down_proj.grad.numpy().transpose(0, 2, 1),
        }

    ids = block.gate(torch.tensor(x))[2].numpy()
    if k > 1:
        judged(layer, x, dy, lambda tokens: block(tokens[None])[0], ids, gradients_of)
        return
    # k = 1: the gate p/p is 1, but its derivative as a quotient is not exactly 0, as TCM-4 and GRD-5 demand
    y = block(torch.tensor(x)[None])[0]
    y_within(layer, x, y.detach().numpy(), SimpleNamespace(indices=ids, kept=np.ones(ids.shape, bool)))
    y.backward(torch.tensor(dy))
    assert np.abs(gradients_of()["router.weight"]).max() < 2.0**-20


def test_mixtral_has_logits_in_bfloat16_beside_bfloat16_parameters() -> None:
    """PRC-2: the router's product is rounded before the softmax in float32."""
    layer, x, _ = mixture(expert="glu", activation="silu")
    block = mixtral_block(layer).to(torch.bfloat16)
    assert block.gate(torch.tensor(x).to(torch.bfloat16))[0].dtype == torch.bfloat16


@pytest.mark.parametrize("capacity", [1, 2, TOKENS])
def test_switch_computes_softmax_before_with_one_choice_and_drops_later_tokens(capacity: int) -> None:
    switch = pytest.importorskip(
        "transformers.models.switch_transformers.modeling_switch_transformers", reason="transformers is not installed"
    )
    layer, x, dy = mixture(top_k=1, gate="softmax_before", activation="relu", capacity=capacity)
    c, p = layer.config, layer.params
    config = switch.SwitchTransformersConfig(
        d_model=6, d_ff=c.d_hidden, num_experts=4, expert_capacity=capacity, dense_act_fn="relu", hidden_size=6
    )
    values = {"router.classifier.weight": p["router.weight"]}
    for expert in range(4):
        values[f"experts.expert_{expert}.wi.weight"] = p["experts.u"][expert]
        values[f"experts.expert_{expert}.wo.weight"] = p["experts.v"][expert].T
    block = filled(switch.SwitchTransformersSparseMLP(config), values)

    def stacked(name: str) -> Any:
        weights = [block.experts[f"expert_{e}"].get_submodule(name).weight for e in range(4)]
        # an expert without a token has no gradient
        return np.stack([np.zeros(w.shape, F32) if w.grad is None else w.grad.numpy() for w in weights])

    def gradients_of() -> dict[str, Any]:
        router = block.router.classifier.weight.grad.numpy()
        return {"router.weight": router, "experts.u": stacked("wi"), "experts.v": stacked("wo").transpose(0, 2, 1)}

    ids = forward(layer, x).indices
    judged(layer, x, dy, lambda tokens: block(tokens[None])[0], ids, gradients_of)
    # a capacity counts the tokens of a sequence, and not those of a call
    two = block(torch.tensor(x).reshape(2, TOKENS // 2, 6)).detach().numpy().reshape(TOKENS, 6)
    assert np.array_equal(two, block(torch.tensor(x)[None])[0].detach().numpy()) == (capacity == TOKENS)


def lucidrains(layer: ComparisonLayer, policy: str, factor: float) -> Any:
    package = pytest.importorskip("mixture_of_experts", reason="mixture-of-experts is not installed")
    names = {f"second_policy_{mode}": policy for mode in ("train", "eval")}
    moe = package.MoE(6, 4, layer.config.d_hidden, nn.ReLU, **names, capacity_factor_eval=factor)
    p = layer.params
    values = {
        "gate.w_gating": p["router.weight"].T,
        "experts.w1": p["experts.u"].transpose(0, 2, 1),
        "experts.w2": p["experts.v"],
    }
    return filled(moe, values)


@pytest.mark.parametrize("factor", [0.5, 2, 4])
def test_mixture_of_experts_computes_softmax_after_with_the_same_drops(factor: float) -> None:
    """With the policy "all"; its capacity is rounded down, and at least 4; its ε of 10⁻⁹ is less than a rounding."""
    capacity = max(4, min(TOKENS, int(TOKENS * factor / 4)))
    layer, x, dy = mixture(activation="relu", capacity=capacity)
    moe = lucidrains(layer, "all", factor)

    def gradients_of() -> dict[str, Any]:
        return {
            "router.weight": moe.gate.w_gating.grad.numpy().T,
            "experts.u": moe.experts.w1.grad.numpy().transpose(0, 2, 1),
            "experts.v": moe.experts.w2.grad.numpy(),
        }

    judged(layer, x, dy, lambda tokens: moe(tokens[None])[0][0], forward(layer, x).indices, gradients_of)
    if factor == 0.5:
        assert not forward(layer, x).kept.all()


def test_mixture_of_experts_drops_second_choices_at_random_by_default() -> None:
    """OUT-4: the default policy, also at inference."""
    layer, x, _ = mixture(activation="relu")
    moe = lucidrains(layer, "random", 4)
    torch.manual_seed(0)
    results = [moe(torch.tensor(x)[None])[0].detach().numpy() for _ in range(8)]
    assert any((results[0] != result).any() for result in results[1:])


class _Block(nn.Module):
    """A dense block without biases."""

    def __init__(self, u: Any, v: Any) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(torch.tensor(u)), nn.Parameter(torch.tensor(v))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x @ self.u.T) @ self.v


@pytest.mark.parametrize("k", [2, 3])
def test_st_moe_computes_softmax_after_with_the_same_drops_but_another_gradient(k: int) -> None:
    """Around given blocks, with thresholds of 0; its own blocks have biases (CMP-4)."""
    package = pytest.importorskip("st_moe_pytorch", reason="st-moe-pytorch is not installed")
    capacity = max(4, int(TOKENS * 1.0 / 4))
    layer, x, dy = mixture(activation="relu", top_k=k, capacity=capacity)
    p = layer.params
    found = {}
    for straight in (False, True):
        experts = nn.ModuleList([_Block(p["experts.u"][e], p["experts.v"][e]) for e in range(4)])
        moe = package.MoE(
            6, 4, threshold_eval=0.0, threshold_train=0.0, capacity_factor_eval=1.0, gating_top_n=k, experts=experts,
            straight_through_dispatch_tensor=straight,
        )  # fmt: skip
        filled(moe, {"gate.to_gates.weight": p["router.weight"]})
        ids = forward(layer, x).indices
        out = SimpleNamespace(indices=ids, kept=keep(ids, np.ones(TOKENS, bool), 4, capacity))
        assert not out.kept.all()
        y = moe(torch.tensor(x)[None]).outputs[0]
        y_within(layer, x, y.detach().numpy(), out)
        y.backward(torch.tensor(dy))
        found[straight] = moe.gate.to_gates.weight.grad.numpy()
    assert np.abs(found[True] - found[False]).max() > 2.0**-10  # TCM-8: the default adds a path through the dispatch


@pytest.mark.parametrize("k", [1, 4])
def test_product_key_memory_has_the_retrieval_of_peer_apart_from_its_norm(k: int) -> None:
    """With its norm replaced by nothing: a key set for each head, sub-keys in the order [h, n, 2, d/2]."""
    package = pytest.importorskip("product_key_memory", reason="product-key-memory is not installed")
    layer = random_layer("pkm", F32, key_heads=3, top_k=k, d_model=6, d_out=6)
    assert isinstance(layer.config, PKMConfig)
    x, dy = (array.astype(F32) for array in tokens_of(layer, TOKENS))
    p = layer.params
    memory = package.PKM(6, heads=3, num_keys=4, topk=k, dim_head=4)
    weight = p["query.weight"].reshape(3, 2, 4, 6).transpose(1, 0, 2, 3).reshape(24, 6)
    filled(memory, {"to_queries.weight": weight, "keys": p["keys"].transpose(0, 2, 1, 3), "values.weight": p["values"]})
    normed = memory(torch.tensor(x)[None])[0].detach().numpy()
    memory.norm = nn.Identity()
    tokens = torch.tensor(x, requires_grad=True)
    y = memory(tokens[None])[0]
    out = forward(layer, x)
    y_within(layer, x, y.detach().numpy(), out)
    assert np.abs(normed - y.detach().numpy()).max() > 2.0**-10  # NRM-6: one norm of d/2 features for both halves
    y.backward(torch.tensor(dy))
    assert tokens.grad is not None
    got = {
        "query.weight": memory.to_queries.weight.grad.numpy()
        .reshape(2, 3, 4, 6)
        .transpose(1, 0, 2, 3)
        .reshape(3, 8, 6),
        "keys": memory.keys.grad.numpy().transpose(0, 2, 1, 3),
        "values": memory.values.weight.grad.numpy(),
        "x": tokens.grad.numpy(),
    }
    gradients_within(layer, x, dy, got, out)


def test_the_torch_layer_takes_the_weights_of_mixtral() -> None:
    layer, x, _ = mixture(expert="glu", activation="silu")
    assert isinstance(layer.config, TokenChoiceConfig)
    ours = TokenChoice.from_layer(layer).forward_with_routing(torch.tensor(x))
    logit, gates, ids = mixtral_block(layer).gate(torch.tensor(x))
    assert torch.equal(ours.indices, ids)
    assert_within(logit.detach().numpy(), logit_bounds(model_for(np.dtype(F32)), layer, x.astype(np.float64)))
    assert (ours.gates - gates).abs().max() <= 64 * 2.0**-24  # each is within 32u of the softmax of few logits near 1
