"""Gates: the weight of each selected expert, from the scores of its head (SPEC.md, GAT-1 … GAT-3)."""

from __future__ import annotations

from typing import Any

import jax

from peerspec.backends.jax import native
from peerspec.backends.jax.operation import operation

__all__ = ["gates"]


def gates(kind: str, scores: jax.Array) -> jax.Array:
    """Softmax over the k scores of a head, or the logistic function of each: [..., k], in the dtype of the scores."""
    gate: jax.Array = _gates(kind, scores)
    return gate


def _by_library(kind: str, scores: jax.Array) -> jax.Array:
    return jax.nn.softmax(scores, axis=-1) if kind == "softmax" else jax.nn.sigmoid(scores)


def _forward(kind: str, scores: jax.Array) -> tuple[jax.Array, jax.Array]:
    gate = gates(kind, scores)
    return gate, gate


def _backward(kind: str, gate: jax.Array, dgate: jax.Array) -> tuple[jax.Array]:
    if kind == "sigmoid":
        return (gate * (1 - gate) * dgate,)
    return (gate * (dgate - (gate * dgate).sum(-1, keepdims=True)),)


_gates: Any = operation(core=native.gates, library=_by_library, forward=_forward, backward=_backward, num_static=1)
