"""Lazy Adam: Adam on the touched rows only.

m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², row ← row − rate · m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε); t counts all steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import jax
import jax.numpy as jnp

from peerspec.backends.jax.optim.algorithm import Algorithm, Arrays
from peerspec.backends.jax.optim.transformation import Rate, fixed_option, fixed_rate, transformation

if TYPE_CHECKING:
    import optax

__all__ = ["lazy_adam"]


def lazy_adam(
    learning_rate: Rate, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Adam that updates only touched rows and their moments: another algorithm than Adam.

    Adam's moments decay at every step and move a row long after a batch touched it. Here the row and its moments do not
    change until a batch touches the row again. Bias correction counts all steps. If every row has a gradient at every
    step, both algorithms are equal.

    Raises:
        InputError: a negative rate or ε, or a b1 or b2 outside [0, 1).
        ImportError: Optax is not installed.

    Example:
        >>> import optax
        >>> from peerspec.backends.jax.optim import labels
        >>> kinds = {"tables": lazy_adam(1e-3), "statistics": optax.set_to_zero(), "rest": optax.adamw(1e-3)}
        >>> optimiser = optax.partition(kinds, labels)
    """
    algorithm = _LazyAdam(
        rate=fixed_rate(learning_rate),
        epsilon=fixed_option("eps", eps),
        beta1=fixed_option("b1", b1, 1),
        beta2=fixed_option("b2", b2, 1),
    )
    return transformation(algorithm, learning_rate)


@dataclass(frozen=True, kw_only=True)
class _LazyAdam(Algorithm):
    name: ClassVar[str] = "adam"
    epsilon: float
    beta1: float
    beta2: float

    @property
    def hyperparameters(self) -> dict[str, float]:
        return {"epsilon": self.epsilon, "beta1": self.beta1, "beta2": self.beta2}

    def state_shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        return [table, table]

    def step(self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, count: jax.Array) -> Arrays:
        first, second = state
        first = first + (1 - self.beta1) * (gradient - first)
        second = second + (1 - self.beta2) * (gradient * gradient - second)
        rate, scale = rate / _bias(self.beta1, count, rate), _bias(self.beta2, count, rate) ** -0.5
        return [rows - rate * first / (jnp.sqrt(second) * scale + self.epsilon), first, second]

    def scale(self, factor: jax.Array, count: jax.Array) -> jax.Array:
        return jnp.stack((factor / _bias(self.beta1, count, factor), _bias(self.beta2, count, factor) ** -0.5))


def _bias(beta: float, count: jax.Array, like: jax.Array) -> jax.Array:
    """1 − βᵗ, without cancellation."""
    return -jnp.expm1(count.astype(like.dtype) * (math.log(beta) if beta else -math.inf))
