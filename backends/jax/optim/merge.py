"""The sum of several gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.gradient import RowGradient

__all__ = ["merged"]


def merged(gradients: Any) -> Any:
    """The sum of gradients that are stacked along the first axis of all arrays, as ``scan`` and ``vmap`` return them.

    Gradients of rows are concatenated along their tokens; dense ones are summed.

    Example:
        >>> merged({"bias": jnp.array([[1.0, 2.0], [3.0, 4.0]])})["bias"].tolist()
        [4.0, 6.0]
    """
    return jax.tree.map(_merged, gradients, is_leaf=lambda node: isinstance(node, RowGradient))


def _merged(gradient: Any) -> Any:
    if not isinstance(gradient, RowGradient):
        return gradient.sum(0)
    intact = (gradient.intact == 1).all(0).astype(gradient.intact.dtype)
    ids, weights, x = map(_concatenated, gradient[:3])
    return RowGradient(ids, weights, x, intact)


def _concatenated(array: jax.Array) -> jax.Array:
    """[S, …, T, K] → […, S·T, K]."""
    moved = jnp.moveaxis(array, 0, -3)
    return moved.reshape(*moved.shape[:-3], -1, moved.shape[-1])
