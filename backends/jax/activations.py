"""The activations σ (SPEC.md, ACT-1); JAX's derivative of ReLU at 0 is 0, as GRD-6 requires."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import jax

__all__ = ["activate"]


def activate(kind: str, a: jax.Array) -> jax.Array:
    """σ(a), elementwise; ``gelu`` is the exact one."""
    return _ACTIVATIONS[kind](a)


def _gelu_tanh(a: jax.Array) -> jax.Array:
    # (1 + tanh z)/2 = sigmoid(2z): the same function without the cancellation in 1 + tanh and in 1 − tanh².
    return a * jax.nn.sigmoid(math.sqrt(8 / math.pi) * (a + 0.044715 * a * a * a))


_ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "relu": jax.nn.relu,  # the derivative of jnp.maximum at 0 is 1/2
    "gelu": partial(jax.nn.gelu, approximate=False),
    "gelu_tanh": _gelu_tanh,
    "silu": jax.nn.silu,
    "identity": lambda a: a,
}
