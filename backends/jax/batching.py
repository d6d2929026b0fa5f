"""The rules of functions of tables and tokens for ``vmap`` and for several devices: a batch means more tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from peerspec.backends.jax.sharding_rule import split_by_tokens

__all__ = ["broadcast_batch", "over_tokens"]


def over_tokens(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """``function(tables, tokens)`` of two trees, under ``vmap`` and over devices; T leads tokens and results.

    If only the tokens have a batch axis, it is merged with T, and no table is repeated. If the tables have one, the
    elements of the batch are computed one after another.
    """
    batched = custom_vmap(split_by_tokens(function))

    def rule(size: int, in_batched: list[Any], tables: Any, tokens: Any) -> tuple[Any, Any]:
        tokens = broadcast_batch(size, tokens, in_batched[1])
        if any(jax.tree.leaves(in_batched[0])):
            out = jax.lax.map(
                lambda i: batched(_element(tables, in_batched[0], i), jax.tree.map(lambda array: array[i], tokens)),
                jnp.arange(size),
            )
        else:
            merged = jax.tree.map(lambda array: array.reshape(size * array.shape[1], *array.shape[2:]), tokens)
            out = batched(tables, merged)
            out = jax.tree.map(lambda array: array.reshape(size, array.shape[0] // size, *array.shape[1:]), out)
        return out, jax.tree.map(lambda _: True, out)

    batched.def_vmap(rule)
    return batched


def broadcast_batch(size: int, tree: Any, in_batched: Any) -> Any:
    """``tree`` with a batch axis of ``size`` on every array; ``in_batched`` tells which arrays have it already."""

    def broadcast(array: jax.Array, is_batched: bool) -> jax.Array:
        return array if is_batched else jnp.broadcast_to(array, (size, *array.shape))

    return jax.tree.map(broadcast, tree, in_batched)


def _element(tree: Any, in_batched: Any, i: jax.Array) -> Any:
    return jax.tree.map(lambda array, is_batched: array[i] if is_batched else array, tree, in_batched)
