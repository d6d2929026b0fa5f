"""One step of an algorithm on the rows of a table that have a gradient."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp

from peerspec.backends.gpu.limits import MOST_FEATURES, MOST_PAIRS
from peerspec.backends.jax import native
from peerspec.backends.jax.operation import OnGPU, dispatch
from peerspec.backends.jax.optim.algorithm import Algorithm, Arrays
from peerspec.backends.jax.optim.gradient import CHANGED, RowGradient
from peerspec.backends.jax.optim.sums import row_sums
from peerspec.backends.jax.precision import compute_dtype, id_dtype
from peerspec.backends.jax.rows import MAX_GATHERED
from peerspec.reference import InputError

__all__ = ["update_table"]


def update_table(
    algorithm: Algorithm,
    table: jax.Array,
    gradient: RowGradient | jax.Array,
    state: Arrays,
    factor: jax.Array,
    count: jax.Array,
) -> Arrays:
    """A parameter and its state after a step.

    Args:
        algorithm: the algorithm with its rate.
        table: any parameter; its last axis is a row.
        gradient: a dense gradient, which touches every row, or one of rows with the leading axes of the parameter.
        state: as ``algorithm.new_state`` made it.
        factor: [], multiplied with the rate.
        count: [], the number of the step, from 1.

    Raises:
        InputError: a gradient of rows whose ids are no integers (it was added to another one, or scaled).
    """
    flat = table.reshape(-1, table.shape[-1] if table.ndim else 1)
    rows = _flattened(gradient, *flat.shape)
    flat_state = [array.reshape(-1, *flat.shape[1 : 1 + (array.ndim == table.ndim)]) for array in state]
    core, library = partial(_by_core, algorithm), partial(_by_library, algorithm)
    gpu = OnGPU(partial(_by_gpu, algorithm), _fits)
    new = dispatch(core, library, rows, factor.astype(rows.x.dtype), count, [flat, *flat_state], gpu=gpu)
    return [array.reshape(old.shape) for array, old in zip(new, [table, *state], strict=True)]


def _flattened(gradient: RowGradient | jax.Array, num_rows: int, width: int) -> RowGradient:
    """The gradient of one table that holds the rows of all layers."""
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


def _by_core(
    algorithm: Algorithm, gradient: RowGradient, factor: jax.Array, count: jax.Array, tables: Arrays
) -> Arrays:
    hyperparameters = {"rate": algorithm.rate, **algorithm.hyperparameters}
    return native.update_rows(algorithm.name, hyperparameters, gradient, (factor, count), tables)


def _by_gpu(algorithm: Algorithm, gradient: RowGradient, factor: jax.Array, count: jax.Array, tables: Arrays) -> Arrays:
    from peerspec.backends.jax.gpu.rows import update_rows

    hyperparameters = {"rate": algorithm.rate, **algorithm.hyperparameters}
    scale = algorithm.scale(jnp.where(gradient.intact == 1, factor, jnp.nan), count)
    return update_rows(algorithm.name, hyperparameters, gradient, scale, tables)


def _fits(gradient: RowGradient, factor: jax.Array, count: jax.Array, tables: Arrays) -> bool:
    rows, width = tables[0].shape
    return gradient.x.dtype == jnp.float32 and width <= MOST_FEATURES and max(gradient.ids.size, rows) < MOST_PAIRS


def _by_library(
    algorithm: Algorithm, gradient: RowGradient, factor: jax.Array, count: jax.Array, tables: Arrays
) -> Arrays:
    """A part of the touched rows at a time: gather and widen them, update them, write them back."""
    if not gradient.ids.size:
        return tables
    parts = -(-gradient.ids.size * tables[0].shape[1] // MAX_GATHERED)
    size = -(-gradient.ids.size // parts)
    touched, sums = row_sums(gradient, len(tables[0]), parts * size)
    rate = jnp.where(gradient.intact == 1, algorithm.rate * factor, jnp.nan)

    def update(tables: Arrays, part: tuple[jax.Array, jax.Array]) -> tuple[Arrays, None]:
        ids, sums = part
        rows, *state = (array.at[ids].get(mode="clip") for array in tables)
        new = algorithm.step(rows.astype(sums.dtype), sums, state, rate, count)
        return [_written(old, ids, rows) for old, rows in zip(tables, new, strict=True)], None

    return jax.lax.scan(update, tables, (touched.reshape(parts, size), sums.reshape(parts, size, -1)))[0]


def _written(table: jax.Array, ids: jax.Array, rows: jax.Array) -> jax.Array:
    return table.at[ids].set(rows.astype(table.dtype), mode="drop", indices_are_sorted=True, unique_indices=True)
