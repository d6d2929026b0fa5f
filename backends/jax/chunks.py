"""Tokens in chunks, so that what exists for each token in between does not exist for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["in_chunks"]


def in_chunks(function: Callable[[jax.Array], Any], q: jax.Array, most: int) -> Any:
    """``function`` of queries [T, h, d] on chunks of at most ``most`` tokens, of equal size; zeros fill up the last.

    Its results have T as first axis.
    """
    tokens = q.shape[0]
    if not isinstance(tokens, int):  # a symbol, of a program that is exported for every number of tokens
        return function(q)
    count = max(1, -(-tokens // max(1, most)))
    size = -(-tokens // count)
    if count == 1 or size == 0:
        return function(q)
    padded = jnp.pad(q, ((0, count * size - tokens), (0, 0), (0, 0)))
    found = jax.lax.map(function, padded.reshape(count, size, *q.shape[1:]))
    return jax.tree.map(lambda array: array.reshape(count * size, *array.shape[2:])[:tokens], found)
