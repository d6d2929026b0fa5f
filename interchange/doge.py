"""The layout of the Doge models in the package transformers."""

from __future__ import annotations

from peerspec.interchange.errors import Obstacle
from peerspec.interchange.facts import ONE_WIDTH, activation, top_k
from peerspec.interchange.layout import Condition, Fact, Layout, Other, Part, Source

__all__ = ["DOGE"]

DOGE = Layout(
    "doge",
    Source("transformers", "5.23.0", "models/doge/modeling_doge.py"),
    parts=(
        Part("router_gate.weight", "keys", "(h p n) c"),
        Part("down_embed.weight", "experts.u", "(i j) D"),
        Part("up_embed.weight", "experts.v", "(i j) M"),
    ),
    facts=(
        top_k("num_experts_per_tok"),
        activation("hidden_act: silu by default; gelu_new and gelu_pytorch_tanh are gelu_tanh, linear is identity"),
        Fact("tokens_per_call", "1 if every call has one token; no option of the project", lambda config: 1),
    ),
    fixed={"gate": "softmax"},
    conditions=(
        Condition(
            "tokens_per_call",
            lambda config, facts: facts["tokens_per_call"] == 1,
            Obstacle(
                "in a call with several tokens the half scores of a token come from two other tokens",
                "convert it only for calls with one token each, and state tokens_per_call = 1",
                "SEL-6, IND-1",
            ),
        ),
        ONE_WIDTH,
    ),
    others=(
        Other(
            r"(gate|up|down)_proj\.(weight|bias)",
            Obstacle(
                "it belongs to a dense MLP whose output is added to that of the experts",
                "leave gate_proj, up_proj and down_proj out, and add this MLP to y yourself",
                "OUT-1",
            ),
            outside=True,
        ),
    ),
    lengths={"h": 1},
    query_is_token=True,
)
"""The routed experts of ``DogeCDMoE``, in calls with one token each."""
