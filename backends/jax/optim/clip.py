"""Clipping by the norm of all gradients together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.gradient import RowGradient
from peerspec.backends.jax.optim.sums import row_squares
from peerspec.backends.jax.optim.transformation import require_optax
from peerspec.backends.jax.precision import compute_dtype

if TYPE_CHECKING:
    import optax

__all__ = ["clip_by_global_norm", "global_norm"]


def clip_by_global_norm(max_norm: float) -> optax.GradientTransformation:
    """Scale all gradients, dense ones and those of rows, so that their common norm is at most ``max_norm``.

    Put it first in a chain: ``optax.chain(clip_by_global_norm(1.0), optimiser)``.

    Raises:
        ImportError: Optax is not installed.

    Example:
        >>> clip = clip_by_global_norm(1.0)
        >>> updates, _ = clip.update({"bias": jnp.array([3.0, 4.0])}, clip.init({}))
        >>> float(global_norm(updates)) <= 1
        True
    """
    optax = require_optax()

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        norm = global_norm(updates)
        factor = jnp.where(norm < max_norm, 1, max_norm / norm)
        return _map(partial(_scaled, factor), updates), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def global_norm(gradients: Any) -> jax.Array:
    """The square root of the sum of the squares of all entries of all gradients, [].

    Example:
        >>> float(global_norm({"bias": jnp.array([3.0, 4.0])}))
        5.0
    """
    return jnp.sqrt(sum(jax.tree.leaves(_map(_squares, gradients)), jnp.zeros(())))


def _map(function: Any, gradients: Any) -> Any:
    return jax.tree.map(function, gradients, is_leaf=lambda node: isinstance(node, RowGradient))


def _scaled(factor: jax.Array, gradient: Any) -> Any:
    if isinstance(gradient, RowGradient):
        return gradient._replace(weights=gradient.weights * factor.astype(gradient.weights.dtype))
    return gradient * factor.astype(gradient.dtype)


def _squares(gradient: Any) -> jax.Array:
    if not isinstance(gradient, RowGradient):
        wide = gradient.astype(compute_dtype(gradient.dtype))
        return (wide * wide).sum()
    if not gradient.intact.ndim:
        return row_squares(gradient)
    layers = jax.tree.map(lambda array: array.reshape(-1, *array.shape[gradient.intact.ndim :]), gradient)
    return jax.lax.map(row_squares, layers).sum()
