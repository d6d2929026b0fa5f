"""Stochastic gradient descent without momentum: row ← row − rate · gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import jax

from peerspec.backends.jax.optim.algorithm import Algorithm, Arrays
from peerspec.backends.jax.optim.transformation import Rate, fixed_rate, transformation

if TYPE_CHECKING:
    import optax

__all__ = ["row_sgd"]


def row_sgd(learning_rate: Rate) -> optax.GradientTransformation:
    """Stochastic gradient descent; equal to a step over all rows.

    There is no momentum, because it would change a row long after a batch touched it.

    Raises:
        InputError: a negative rate.
        ImportError: Optax is not installed.

    Example:
        >>> import optax
        >>> from peerspec.backends.jax.optim import labels
        >>> kinds = {"tables": row_sgd(0.1), "statistics": optax.set_to_zero(), "rest": optax.adamw(1e-3)}
        >>> optimiser = optax.partition(kinds, labels)
    """
    return transformation(_SGD(rate=fixed_rate(learning_rate)), learning_rate)


class _SGD(Algorithm):
    name: ClassVar[str] = "sgd"

    def state_shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        return []

    def step(self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, count: jax.Array) -> Arrays:
        return [rows - rate * gradient]
