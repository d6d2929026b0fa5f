"""Stochastic gradient descent, without momentum: row ← row − rate · gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import jax

from peerspec.backends.jax.optim.step import Arrays, Step
from peerspec.backends.jax.optim.transformation import Rate, rate_of, transformation

if TYPE_CHECKING:
    import optax

__all__ = ["row_sgd"]


def row_sgd(learning_rate: Rate) -> optax.GradientTransformation:
    """Stochastic gradient descent; on touched rows exactly what it is on all rows.

    There is no momentum, which would move rows long after a batch touched them.

    Raises:
        InputError: a negative rate.
    """
    return transformation(_SGD(rate=rate_of(learning_rate)), learning_rate)


class _SGD(Step):
    name: ClassVar[str] = "sgd"

    def shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        return []

    def by_library(
        self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, step: jax.Array
    ) -> Arrays:
        return [rows - rate * gradient]
