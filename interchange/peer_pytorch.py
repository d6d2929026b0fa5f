"""The layout of the package PEER-pytorch."""

from __future__ import annotations

from peerspec.interchange.errors import Obstacle
from peerspec.interchange.facts import ONE_WIDTH, activation, gate, top_k
from peerspec.interchange.layout import Condition, Fact, Layout, Other, Part, Source

__all__ = ["PEER_PYTORCH"]

_ONE_EXPERT = Obstacle(
    "with non_competing_scores=True a head selects one expert, and its gate is max(score, 0), which no layer has",
    "convert a checkpoint that was trained with non_competing_scores=False",
    "GAT-1, SEL-6",
)
_FEW_SUB_KEYS = Obstacle(
    "product_key_topk is less than top_k and n, so a head does not find the k best experts",
    "convert a checkpoint with product_key_topk of at least top_k",
    "SEL-3",
)

PEER_PYTORCH = Layout(
    "peer-pytorch",
    Source("PEER-pytorch", "0.2.2", "PEER_pytorch/PEER.py"),
    parts=(
        Part("to_queries.0.weight", "query.weight", "(p h c) D"),
        Part("keys", "keys", "h n p c"),
        Part("weight_down_embed.weight", "experts.u", "(i j) D"),
        Part("weight_up_embed.weight", "experts.v", "(i j) M"),
    ),
    facts=(
        top_k("num_experts_per_head"),
        activation("activation, which is nn.GELU by default: gelu"),
        gate("non_competing_scores: softmax if False, relu if True, the default", relu=_ONE_EXPERT),
        Fact(
            "sub_keys_per_half",
            "product_key_topk, by default num_experts_per_head",
            lambda config: min(config.top_k, config.n),
        ),
    ),
    conditions=(
        Condition(
            "sub_keys_per_half",
            lambda config, facts: facts["sub_keys_per_half"] >= min(config.top_k, config.n),
            _FEW_SUB_KEYS,
        ),
        ONE_WIDTH,
        Condition(
            "d_model",
            lambda config, facts: config.d_model % 2 == 0,
            Obstacle("the project takes only even widths", "write a layer with an even d_model"),
        ),
    ),
    others=(
        Other(
            r"norm\.gamma",
            Obstacle(
                "with pre_rmsnorm=True it normalises x inside the layer",
                "normalise x before the layer, and leave this tensor out",
                "OUT-2",
            ),
            outside=True,
        ),
    ),
)
"""``PEER`` with ``non_competing_scores=False``."""
