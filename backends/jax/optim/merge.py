"""The sum of several gradients."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.gradient import RowGradient

__all__ = ["merged"]


def merged(gradients: Any) -> Any:
    """The sum over the first axis of all arrays, which stacks gradients as ``scan`` and ``vmap`` return them.

    Gradients of rows are put side by side, so that their tokens add up; dense ones are summed.
    """
    return jax.tree.map(_merged, gradients, is_leaf=lambda node: isinstance(node, RowGradient))


def _merged(gradient: Any) -> Any:
    if not isinstance(gradient, RowGradient):
        return gradient.sum(0)
    intact = (gradient.intact == 1).all(0).astype(gradient.intact.dtype)
    return RowGradient(_beside(gradient.ids), _beside(gradient.weights), _beside(gradient.x), intact)


def _beside(array: jax.Array) -> jax.Array:
    """[S, …, T, K] → […, S·T, K]."""
    moved = jnp.moveaxis(array, 0, -3)
    return moved.reshape(*moved.shape[:-3], -1, moved.shape[-1])
