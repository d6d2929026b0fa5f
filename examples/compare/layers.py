"""The five layers, all with as many FLOPs per token as the PEER layer."""

from __future__ import annotations

from torch import nn

from peerspec.backends.torch import PEER
from peerspec.backends.torch.comparison import PKM, Dense, ExpertChoice, TokenChoice
from peerspec.reference import Cost, PeerConfig, cost
from peerspec.reference.comparison import (
    comparison_cost,
    equal_dense,
    equal_expert_choice,
    equal_pkm,
    equal_token_choice,
)

__all__ = ["EXPERTS_CHOOSE", "NAMES", "PEER_CONFIG", "cost_of", "new_layer"]

PEER_CONFIG = PeerConfig(d_model=128, heads=8, num_experts=64**2, top_k=8, d_key=32)
EXPERTS_CHOOSE = "experts choose"
_BY, _EXPERTS = "flops_per_token", 8
_RIVALS = {
    "dense": (Dense, equal_dense(PEER_CONFIG, by=_BY)),
    "tokens choose": (TokenChoice, equal_token_choice(PEER_CONFIG, by=_BY, num_experts=_EXPERTS, top_k=2)),
    EXPERTS_CHOOSE: (ExpertChoice, equal_expert_choice(PEER_CONFIG, by=_BY, num_experts=_EXPERTS, capacity_factor=2)),
    "memory": (PKM, equal_pkm(PEER_CONFIG, by=_BY)),
}
NAMES = ("PEER", *_RIVALS)


def new_layer(name: str) -> nn.Module:
    """A layer with new parameters."""
    if name == "PEER":
        return PEER(PEER_CONFIG)
    module, config = _RIVALS[name]
    return module(config)


def cost_of(name: str) -> Cost:
    """What a layer costs."""
    return cost(PEER_CONFIG) if name == "PEER" else comparison_cost(_RIVALS[name][1])
