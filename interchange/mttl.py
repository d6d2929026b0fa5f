"""The layout of the package mttl."""

from __future__ import annotations

from peerspec.interchange.errors import Obstacle
from peerspec.interchange.facts import RELU_GATES, activation, gate, top_k
from peerspec.interchange.layout import Condition, Layout, Other, Part, Source

__all__ = ["MTTL"]

MTTL = Layout(
    "mttl",
    Source("mttl", "1.0.2", "mttl/models/containers/peer_container.py"),
    parts=(
        Part("selector.q.weight", "query.weight", "(h p c) D"),
        Part("selector.keys", "keys", "h n p c"),
        Part("peer_weight_down_embed.weight", "experts.u", "(i j) D"),
        Part("peer_weight_up_embed.weight", "experts.v", "(i j) M"),
    ),
    facts=(
        top_k("top_k of PKSelectorConfig"),
        activation("the activation of the MLP that the layer replaced"),
        gate("non_competitive_gates: softmax if False, the default, relu if True", relu=RELU_GATES),
    ),
    conditions=(
        Condition(
            "top_k",
            lambda config, facts: config.top_k == config.n,
            Obstacle(
                "the project gives expert (i, j) the id i·k + j, which is i·n + j only for top_k = n",
                "convert a layer with top_k = n, or keep this one in its project",
                "IDX-1",
            ),
        ),
    ),
    others=(
        Other(
            r"selector\.norm\..*",
            Obstacle(
                "with pk_use_batchnorm=True its batch norm has one mean and variance for all heads and both halves",
                "convert a checkpoint without it",
                "NRM-2",
            ),
        ),
    ),
)
"""``PEERMLPContainer`` with ``PKSSelector`` and top_k = n."""
