"""Row-wise Adagrad: sum ← sum + mean(gradient²), row ← row − rate · gradient / (√sum + ε)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.step import Arrays, Step
from peerspec.backends.jax.optim.transformation import Rate, known, rate_of, transformation

if TYPE_CHECKING:
    import optax

__all__ = ["row_adagrad"]


def row_adagrad(learning_rate: Rate, eps: float = 1e-10) -> optax.GradientTransformation:
    """Adagrad with one number of state a row; on touched rows exactly what it is on all rows.

    Raises:
        InputError: a negative rate or ε.
    """
    return transformation(_RowAdagrad(rate=rate_of(learning_rate), epsilon=known("eps", eps)), learning_rate)


@dataclass(frozen=True, kw_only=True)
class _RowAdagrad(Step):
    name: ClassVar[str] = "adagrad"
    epsilon: float

    @property
    def numbers(self) -> dict[str, float]:
        return {**super().numbers, "epsilon": self.epsilon}

    def shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [table[:-1]]

    def by_library(
        self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, step: jax.Array
    ) -> Arrays:
        sums = state[0] + (gradient * gradient).mean(1)
        return [rows - (rate / (jnp.sqrt(sums) + self.epsilon))[:, None] * gradient, sums]
