"""The sums of a row gradient: each touched row once, in ascending order, by library operations."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.operation import dispatch
from peerspec.backends.jax.optim.gradient import RowGradient
from peerspec.backends.jax.precision import id_dtype
from peerspec.backends.jax.rows import scatter_sum

__all__ = ["row_squares", "row_sums"]


def row_sums(gradient: RowGradient, num_rows: int, capacity: int) -> tuple[jax.Array, jax.Array]:
    """The touched rows [R] of a table and their sums [R, width]; R is ``capacity``, at least the number of pairs.

    If fewer rows are touched, the remaining ids are distinct numbers beyond the table, with sums of zero.
    """
    beyond = num_rows + jnp.arange(capacity, dtype=id_dtype(num_rows + capacity))
    ids = jnp.where(gradient.ids < 0, num_rows, gradient.ids % num_rows).reshape(-1)
    rank = _ranks(ids)
    touched = beyond.at[rank].set(jnp.where(ids == num_rows, beyond[rank], ids))
    return touched, _sums_by_rank(gradient, rank, capacity)


def row_squares(gradient: RowGradient) -> jax.Array:
    """The sum of the squares of all entries of the gradient of one table, []."""
    return dispatch(native.row_squares, _squares_by_library, *gradient[:3])


def _squares_by_library(ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    if not ids.size:
        return jnp.zeros((), x.dtype)
    sums = _sums_by_rank(RowGradient(ids, weights, x, jnp.int32(1)), _ranks(ids.reshape(-1)), ids.size)
    return (sums * sums).sum()


def _ranks(ids: jax.Array) -> jax.Array:
    """The rank of each id among the distinct ids, ascending."""
    order = jnp.argsort(ids, stable=True)
    ascending = ids[order]
    rank = jnp.cumsum(jnp.concatenate([jnp.zeros(1, bool), ascending[1:] != ascending[:-1]]), dtype=jnp.int32)
    return jnp.zeros_like(rank).at[order].set(rank, unique_indices=True)


def _sums_by_rank(gradient: RowGradient, rank: jax.Array, capacity: int) -> jax.Array:
    """Sums [R, width]; the pairs of a row are added in the order in which ``scatter_sum`` adds them for all rows."""
    return scatter_sum(capacity, rank.reshape(gradient.ids.shape), gradient.weights, gradient.x)
