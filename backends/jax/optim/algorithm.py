"""An algorithm that updates rows: its hyperparameters, its state, and one step by library operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from peerspec.backends.jax.precision import compute_dtype

__all__ = ["Algorithm", "Arrays"]

Arrays = list[jax.Array]


@dataclass(frozen=True, kw_only=True)
class Algorithm(ABC):
    """An algorithm with its hyperparameters.

    Attributes:
        name: its name in the core.
        rate: the learning rate; 1 if the rate is an array or a schedule, which enters a step as a factor.
    """

    name: ClassVar[str]
    rate: float

    @property
    def hyperparameters(self) -> dict[str, float]:
        """The numbers that the core takes, without the rate."""
        return {"epsilon": 0.0, "beta1": 0.0, "beta2": 0.0}

    @abstractmethod
    def state_shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The shapes of the state for a table of this shape."""

    @abstractmethod
    def step(self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, count: jax.Array) -> Arrays:
        """Rows [R, width] in the compute dtype and their state after step number ``count``, by library operations."""

    def new_state(self, table: jax.Array) -> Arrays:
        """Zeros in the compute dtype."""
        return [jnp.zeros(shape, compute_dtype(table.dtype)) for shape in self.state_shapes(table.shape)]

    def scale(self, factor: jax.Array, count: jax.Array) -> jax.Array:
        """What is known only in step number ``count``, for the kernels of a GPU: the factor of the rate, and more."""
        return factor[None]
