"""Row-wise Adagrad: sum ← sum + mean(gradient²), row ← row − rate · gradient / (√sum + ε)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.algorithm import Algorithm, Arrays
from peerspec.backends.jax.optim.transformation import Rate, fixed_option, fixed_rate, transformation

if TYPE_CHECKING:
    import optax

__all__ = ["row_adagrad"]


def row_adagrad(learning_rate: Rate, eps: float = 1e-10) -> optax.GradientTransformation:
    """Adagrad whose state is one number for each row; equal to a step over all rows.

    Raises:
        InputError: a negative rate or ε.
        ImportError: Optax is not installed.

    Example:
        >>> import optax
        >>> from peerspec.backends.jax.optim import labels
        >>> kinds = {"tables": row_adagrad(0.1), "statistics": optax.set_to_zero(), "rest": optax.adamw(1e-3)}
        >>> optimiser = optax.partition(kinds, labels)
    """
    algorithm = _RowAdagrad(rate=fixed_rate(learning_rate), epsilon=fixed_option("eps", eps))
    return transformation(algorithm, learning_rate)


@dataclass(frozen=True, kw_only=True)
class _RowAdagrad(Algorithm):
    name: ClassVar[str] = "adagrad"
    epsilon: float

    @property
    def hyperparameters(self) -> dict[str, float]:
        return {**super().hyperparameters, "epsilon": self.epsilon}

    def state_shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [table[:-1]]

    def step(self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, count: jax.Array) -> Arrays:
        sums = state[0] + (gradient * gradient).mean(1)
        return [rows - (rate / (jnp.sqrt(sums) + self.epsilon))[:, None] * gradient, sums]
