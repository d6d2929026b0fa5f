"""What ``vmap`` does to a function of tables and tokens: more tokens over the same tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

__all__ = ["over_tokens"]


def over_tokens(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """``function(tables, tokens)`` for two trees, whose results and second arguments have tokens as first axis.

    A batch over tokens alone becomes more tokens, so that no table is repeated; tables of their own for each element
    of the batch are taken one after another.
    """
    batched = custom_vmap(function)

    def rule(size: int, in_batched: list[Any], tables: Any, tokens: Any) -> tuple[Any, Any]:
        whole = jax.tree.map(
            lambda array, is_batched: array if is_batched else jnp.broadcast_to(array, (size, *array.shape)),
            tokens,
            in_batched[1],
        )
        if any(jax.tree.leaves(in_batched[0])):
            out = jax.lax.map(
                lambda i: batched(_element(tables, in_batched[0], i), _element(whole, None, i)), jnp.arange(size)
            )
        else:
            merged = jax.tree.map(lambda array: array.reshape(size * array.shape[1], *array.shape[2:]), whole)
            out = batched(tables, merged)
            out = jax.tree.map(lambda array: array.reshape(size, len(array) // size, *array.shape[1:]), out)
        return out, jax.tree.map(lambda _: True, out)

    batched.def_vmap(rule)
    return batched


def _element(tree: Any, batched: Any, i: jax.Array) -> Any:
    if batched is None:
        return jax.tree.map(lambda array: array[i], tree)
    return jax.tree.map(lambda array, is_batched: array[i] if is_batched else array, tree, batched)
