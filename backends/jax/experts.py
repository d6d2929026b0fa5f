"""Gates, activations and experts (GAT-1 … GAT-3, ACT-1, EXP-1, EXP-2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax

from peerspec.backends.jax.params import Params
from peerspec.backends.jax.rows import project
from peerspec.reference import PeerConfig

__all__ = ["expert_weights", "gates"]


def _gelu_tanh(a: jax.Array) -> jax.Array:
    # (1 + tanh z)/2 = sigmoid(2z): the same function without the cancellation in 1 + tanh and in 1 − tanh².
    return a * jax.nn.sigmoid(math.sqrt(8 / math.pi) * (a + 0.044715 * a * a * a))


_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,  # whose derivative at 0 is 0 (GRD-6); that of jnp.maximum is 1/2
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": _gelu_tanh,
    "silu": jax.nn.silu,
    "identity": lambda a: a,
}


def gates(kind: str, scores: jax.Array) -> jax.Array:
    """The gates of one head's k scores, [..., k]."""
    return jax.nn.softmax(scores, axis=-1) if kind == "softmax" else jax.nn.sigmoid(scores)


def expert_weights(config: PeerConfig, params: Params, x: jax.Array, ids: jax.Array) -> jax.Array:
    """What multiplies v, [T, K]: σ(u·x) for an MLP expert, σ(w·x)·(u·x) for a GLU expert."""
    activation, inner = _ACTIVATIONS[config.activation], project(params["experts.u"], ids, x)
    if config.expert == "glu":
        return activation(project(params["experts.w"], ids, x)) * inner
    return activation(inner)
