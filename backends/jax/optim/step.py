"""One step of an algorithm on the rows of a table that have a gradient, by the native core or by library operations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.optim.gradient import CHANGED, RowGradient
from peerspec.backends.jax.optim.sums import row_sums
from peerspec.backends.jax.precision import compute_dtype, id_dtype
from peerspec.backends.jax.rows import STEP
from peerspec.reference import InputError

__all__ = ["Step", "update_table"]

Arrays = list[jax.Array]


@dataclass(frozen=True, kw_only=True)
class Step(ABC):
    """An algorithm with its numbers.

    Attributes:
        name: what the core calls it.
        rate: the learning rate, or 1 where a factor of the step is the rate.
    """

    name: ClassVar[str]
    rate: float

    @property
    def numbers(self) -> dict[str, float]:
        """What the core is told beside the rate."""
        return {"epsilon": 0.0, "beta1": 0.0, "beta2": 0.0}

    @abstractmethod
    def shapes(self, table: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The shapes of what the algorithm remembers of a table."""

    @abstractmethod
    def by_library(
        self, rows: jax.Array, gradient: jax.Array, state: Arrays, rate: jax.Array, step: jax.Array
    ) -> Arrays:
        """Rows [R, width] in the compute dtype and their state after the step."""

    def new_state(self, table: jax.Array) -> Arrays:
        """Zeros in the compute dtype."""
        return [jnp.zeros(shape, compute_dtype(table.dtype)) for shape in self.shapes(table.shape)]


def update_table(
    step: Step, table: jax.Array, gradient: RowGradient | jax.Array, state: Arrays, factor: jax.Array, count: jax.Array
) -> Arrays:
    """A parameter and its state after the step; ``count`` counts from 1, and the rate is multiplied by ``factor``.

    The last axis of a parameter is a row. A dense gradient touches every row; one of rows has the first axes of the
    parameter, as tables of several layers have.
    """
    flat = table.reshape(-1, table.shape[-1] if table.ndim else 1)
    sums = _flattened(gradient, *flat.shape)
    kept = [array.reshape(-1, *flat.shape[1 : 1 + (array.ndim == table.ndim)]) for array in state]
    core, plain = partial(_by_core, step), partial(_by_library, step)
    new = native.dispatch(core, plain, sums, factor.astype(sums.x.dtype), count, [flat, *kept])
    return [array.reshape(old.shape) for array, old in zip(new, [table, *state], strict=True)]


def _flattened(gradient: RowGradient | jax.Array, num_rows: int, width: int) -> RowGradient:
    """As the gradient of one table whose rows are those of all layers."""
    if not isinstance(gradient, RowGradient):
        values = gradient.reshape(num_rows, width).astype(compute_dtype(gradient.dtype))
        ids = jnp.arange(num_rows, dtype=id_dtype(num_rows))[:, None]
        return RowGradient(ids, jnp.ones(ids.shape, values.dtype), values, jnp.int32(1))
    if not jnp.issubdtype(gradient.ids.dtype, jnp.integer):
        raise InputError(CHANGED)
    *lead, _, pairs = gradient.ids.shape
    layers = gradient.intact.size
    first = jnp.arange(layers, dtype=id_dtype(num_rows)).reshape(*lead, 1, 1) * (num_rows // layers)
    ids = jnp.where(gradient.ids < 0, -1, gradient.ids + first).reshape(-1, pairs)
    intact = jnp.where((gradient.intact == 1).all(), jnp.int32(1), jnp.int32(0))
    return RowGradient(ids, gradient.weights.reshape(ids.shape), gradient.x.reshape(len(ids), width), intact)


def _by_core(step: Step, sums: RowGradient, factor: jax.Array, count: jax.Array, tables: Arrays) -> Arrays:
    numbers = {"rate": step.rate, **step.numbers}
    return native.update_rows(step.name, numbers, sums, (factor, count), tables)


def _by_library(step: Step, sums: RowGradient, factor: jax.Array, count: jax.Array, tables: Arrays) -> Arrays:
    """Some rows at a time: gathered and widened, changed, and written back."""
    if not sums.ids.size:
        return tables
    parts = -(-sums.ids.size * tables[0].shape[1] // STEP)
    size = -(-sums.ids.size // parts)
    touched, gradient = row_sums(sums, len(tables[0]), parts * size)
    rate = jnp.where(sums.intact == 1, step.rate * factor, jnp.nan)

    def change(tables: Arrays, some: tuple[jax.Array, jax.Array]) -> tuple[Arrays, None]:
        ids, gradient = some
        table, *state = (array.at[ids].get(mode="clip") for array in tables)
        new = step.by_library(table.astype(gradient.dtype), gradient, state, rate, count)
        return [_written(old, ids, rows) for old, rows in zip(tables, new, strict=True)], None

    some = touched.reshape(parts, size), gradient.reshape(parts, size, -1)
    return jax.lax.scan(change, tables, some)[0]


def _written(table: jax.Array, ids: jax.Array, rows: jax.Array) -> jax.Array:
    return table.at[ids].set(rows.astype(table.dtype), mode="drop", indices_are_sorted=True, unique_indices=True)
