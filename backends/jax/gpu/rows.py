"""Gradients of tables by row, and the updates of the optimisers, on a GPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from peerspec.backends.gpu import launches
from peerspec.backends.gpu.launches import Optimiser
from peerspec.backends.gpu.rows import ADAGRAD, ADAM, DENSE, SGD
from peerspec.backends.jax.gpu.launch import run

__all__ = ["scatter_sum", "update_rows"]

_TARGETS = {"sgd": SGD, "adagrad": ADAGRAD, "adam": ADAM}


class _Pairs(NamedTuple):
    """The pairs of a batch by the row that they select; as far as there are rows."""

    order: jax.Array
    places: jax.Array
    rows: jax.Array
    starts: jax.Array


def scatter_sum(num_rows: int, dtype: Any, ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    """[N, D] whose row r is the sum of weights[t, s]·x[t] over all pairs with ids[t, s] = r."""
    table = jnp.zeros((num_rows, x.shape[1]), dtype)
    return _summed(DENSE, Optimiser(), _by_row(ids, num_rows), weights, x, jnp.ones(2, x.dtype), [table])[0]


def update_rows(
    algorithm: str,
    hyperparameters: Mapping[str, float],
    gradient: Any,
    scale: jax.Array,
    tables: Sequence[jax.Array],
) -> list[jax.Array]:
    """A table and its state after one step; ``scale`` is that of ``scatter_sum_kernel``, the rest as for ``native``."""
    ids, weights, x, _ = gradient
    rate, beta1, beta2 = (hyperparameters[name] for name in ("rate", "beta1", "beta2"))
    optimiser = Optimiser(float(rate), float(hyperparameters["epsilon"]), float(beta1), float(beta2), 1.0)
    pairs = _by_row(ids, len(tables[0]))
    return _summed(_TARGETS[algorithm], optimiser, pairs, weights, x, scale, tables)


def _by_row(ids: jax.Array, num_rows: int) -> _Pairs:
    """Ids [T, K]; those below 0 are of no row."""
    flat = ids.reshape(-1)
    order = jnp.argsort(flat, stable=True)
    ascending = flat[order]
    count = flat.size
    [marks] = run(launches.mark_rows(count), (ascending,), (_array((count,), jnp.int32),))
    places = jnp.cumsum(marks, dtype=jnp.int32)
    most = min(count, num_rows + 1)
    results = (_array((most,), jnp.int32), _array((most + 1,), jnp.int32))
    rows, starts = run(launches.write_rows(count), (ascending, marks, places), results)
    return _Pairs(order, places, rows, starts)


def _summed(
    target: int,
    optimiser: Optimiser,
    pairs: _Pairs,
    weights: jax.Array,
    x: jax.Array,
    scale: jax.Array,
    tables: Sequence[jax.Array],
) -> list[jax.Array]:
    """The tables, whose rows become or are updated by the sums of the pairs."""
    count, width, most = weights.size, x.shape[1], len(tables)
    if not count or not width:
        return list(tables)
    parts = _array((2 * launches.sum_blocks(width, count), width), jnp.float32)
    state = (*range(1, most), 0, 0)[:2]  # where a kernel wants arrays that it does not use, it gets the table

    given: tuple[jax.Array, ...] = (pairs.order, pairs.places, pairs.rows, pairs.starts, weights, x, scale)
    first = len(given)
    out = first + most
    order: tuple[int, ...] = (*range(first), out, out + 1, *(out + 1 + i for i in state))
    aliases = {first + i: 1 + i for i in range(most)}
    scaled = target != DENSE
    sums = launches.scatter_sum(target, width, count, weights.shape[1], optimiser, scaled=scaled)
    found = run(sums, (*given, *tables), (parts, *map(_like, tables)), order=order, aliases=aliases)

    given = (pairs.places, pairs.rows, pairs.starts, scale, found[0])
    first = len(given)
    out = first + most
    order = (*range(first), out, *(out + i for i in state))
    aliases = {first + i: i for i in range(most)}
    crossing = launches.finish_crossing_rows(target, width, count, optimiser, scaled=scaled)
    return run(crossing, (*given, *found[1:]), [*map(_like, tables)], order=order, aliases=aliases)


def _array(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call]  # not annotated


def _like(array: jax.Array) -> jax.ShapeDtypeStruct:
    return _array(array.shape, array.dtype)
