"""Gradient taps: inputs of zeros whose gradient holds the factors of the gradients of the touched rows.

In JAX the gradient of a table [N, D] is an array [N, D]. But T tokens contribute only two factors to it: the tokens
themselves, and K = h·k weights for each of them. A gradient tap has the shapes of these factors. A layer takes it
beside its tables and never reads it; its "gradient" is no derivative, but holds the factors. ``jit``, ``scan``,
``checkpoint`` and ``vmap`` treat it as any gradient. So they add up the gradients of a layer that is used twice; such a
sum is meaningless, and ``uses`` detects it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from peerspec.backends.jax.batching import broadcast_batch
from peerspec.reference import InputError

__all__ = ["TAP", "GradientTap", "decode_ids", "empty_tap", "encode_ids", "padded_gradient"]

TAP = "experts.tap"
"""The name of a layer's gradient tap among its parameters."""

_BASE = 2**16
"""Ids travel as two floats that are exact: the quotient by this base, and the remainder."""


class GradientTap(NamedTuple):
    """The gradient of the tables, by token; all arrays in the compute dtype, zeros where there is no token.

    Attributes:
        uses: [T], 1 for a token.
        ids: [T, K, 2], the quotient by 2¹⁶, and the remainder plus 1.
        x: [T, D], the factor in the rows of u and w.
        dy: [T, M], the factor in the rows of v.
        weights: for each table, [T, K]: the weights of these factors.
    """

    uses: jax.Array
    ids: jax.Array
    x: jax.Array
    dy: jax.Array
    weights: dict[str, jax.Array]


def empty_tap(tables: Mapping[str, jax.Array], tokens: int, pairs: int, dtype: Any) -> GradientTap:
    """A gradient tap for this number of tokens with this number of pairs each, for one layer or [...] layers."""
    *lead, _, d_model = tables["u"].shape

    def zeros(*shape: int) -> jax.Array:
        return jnp.zeros((*lead, tokens, *shape), dtype)

    weights = {name: zeros(pairs) for name in tables}
    return GradientTap(zeros(), zeros(pairs, 2), zeros(d_model), zeros(tables["v"].shape[-1]), weights)


def encode_ids(ids: jax.Array, dtype: Any) -> jax.Array:
    """Ids [T, K] as two floats each, [T, K, 2]."""
    return jnp.stack(jnp.divmod(ids, _BASE), -1).astype(dtype) + jnp.asarray([0, 1], dtype)


def decode_ids(codes: jax.Array, dtype: Any) -> jax.Array:
    """The ids [T, K]; −1 where there is no token."""
    quotient, remainder = codes[..., 0].astype(dtype), codes[..., 1].astype(dtype)
    return quotient * _BASE + (remainder - 1)


def padded_gradient(capacity: int, gradient: GradientTap) -> GradientTap:
    """``gradient`` of T tokens, filled up with zeros to ``capacity`` tokens.

    Under ``vmap`` over tokens there are two cases. If the tap has the capacity for the whole batch, the batch becomes
    more tokens of one tap. If it has the capacity for one element, each element of the batch has its own gradient.
    """
    run = custom_vmap(lambda gradient: jax.tree.map(lambda array: _padded(capacity, array), gradient))

    def rule(size: int, in_batched: list[Any], gradient: GradientTap) -> tuple[GradientTap, Any]:
        gradient = broadcast_batch(size, gradient, in_batched[0])
        one_each = gradient.uses.shape[1] == capacity
        if not one_each:
            gradient = run(jax.tree.map(lambda array: array.reshape(-1, *array.shape[2:]), gradient))
        return gradient, jax.tree.map(lambda _: one_each, gradient)

    run.def_vmap(rule)
    result: GradientTap = run(gradient)
    return result


def _padded(capacity: int, array: jax.Array) -> jax.Array:
    if len(array) > capacity:
        raise InputError(
            f"every use of a layer in the loss must have the same number of tokens, got {capacity} in one and "
            f"{len(array)} in another; use a separate layer for each use"
        )
    return jnp.pad(array, [(0, capacity - len(array))] + [(0, 0)] * (array.ndim - 1))
