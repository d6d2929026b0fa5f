"""Lazy Adam: Adam of the touched rows alone.

m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², row ← row − rate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε), t counting all steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.step import Arrays, Step
from peerspec.backends.jax.optim.transformation import Rate, known, rate_of, transformation

if TYPE_CHECKING:
    import optax

__all__ = ["lazy_adam"]


def lazy_adam(
    learning_rate: Rate, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Adam whose moments of a row rest while no batch touches it: another algorithm than Adam.

    Adam's moments decay at every step and move a row long after a batch touched it; here both wait for the next batch
    that does. Biases are corrected by the number of all steps. Where every row has a gradient the two are one.

    Raises:
        InputError: a negative rate or ε, or a b1 or b2 outside [0, 1).
    """
    step = _LazyAdam(
        rate=rate_of(learning_rate), epsilon=known("eps", eps), beta1=known("b1", b1, 1), beta2=known("b2", b2, 1)
    )
    return transformation(step, learning_rate)


@dataclass(frozen=True, kw_only=True)
class _LazyAdam(Step):
    name: ClassVar[str] = "adam"
    epsilon: float
    beta1: float
    beta2: float

    @property
    def numbers(self) -> dict[str, float]:
        return {"epsilon": self.epsilon, "beta1": self.beta1, "beta2": self.beta2}

    def shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [table, table]

    def by_library(
        self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, step: jax.Array
    ) -> Arrays:
        first, second = state
        first = first + (1 - self.beta1) * (gradient - first)
        second = second + (1 - self.beta2) * (gradient * gradient - second)
        rate, scale = rate / _rest(self.beta1, step, rate), _rest(self.beta2, step, rate) ** -0.5
        return [rows - rate * first / (jnp.sqrt(second) * scale + self.epsilon), first, second]


def _rest(beta: float, step: jax.Array, like: jax.Array) -> jax.Array:
    """1 − βᵗ, without the cancellation."""
    return -jnp.expm1(step.astype(like.dtype) * (math.log(beta) if beta else -math.inf))
