"""The facts that several projects leave out of their tensors."""

from __future__ import annotations

from peerspec.interchange.errors import Obstacle
from peerspec.interchange.layout import Condition, Fact
from peerspec.reference.config import ACTIVATIONS

__all__ = ["K_AT_MOST_N", "ONE_WIDTH", "RELU_GATES", "activation", "gate", "top_k"]


def top_k(told: str) -> Fact:
    """k, the experts that a head selects."""
    return Fact("top_k", told, lambda config: config.top_k)


def activation(told: str) -> Fact:
    """σ, by its name in CFG-5."""
    return Fact("activation", told, lambda config: config.activation, ACTIVATIONS)


def gate(told: str, *, relu: Obstacle) -> Fact:
    """The gate of a project that has softmax and ReLU gates."""
    return Fact("gate", told, lambda config: config.gate, ("softmax",), {"relu": relu})


RELU_GATES = Obstacle(
    "its gates are max(score, 0), which do not compete, and a softmax over the k selected scores has no such gates",
    "convert a checkpoint with softmax gates, or keep this one in its project",
    "GAT-1",
)

ONE_WIDTH = Condition(
    "d_out",
    lambda config, facts: config.d_out == config.d_model,
    Obstacle("the project has one width for tokens and outputs", "write a layer with d_out = d_model"),
)

K_AT_MOST_N = Condition(
    "top_k",
    lambda config, facts: config.top_k <= config.n,
    Obstacle("the project takes k sub-keys of each half, and a half has n", "write a layer with top_k of at most n"),
)
