"""The rows of a gradient, summed by library operations: each touched row once, ascending."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from peerspec.backends.jax import native
from peerspec.backends.jax.optim.gradient import RowGradient
from peerspec.backends.jax.precision import id_dtype
from peerspec.backends.jax.rows import scatter_sum

__all__ = ["row_squares", "row_sums"]


def row_sums(gradient: RowGradient, num_rows: int, room: int) -> tuple[jax.Array, jax.Array]:
    """The touched rows [R] and the sums [R, width] of a gradient, with room for R, no fewer than its pairs.

    There may be fewer touched rows; the rest of the list are distinct numbers beyond the table, and zeros.
    """
    beyond = num_rows + jnp.arange(room, dtype=id_dtype(num_rows + room))
    ids = jnp.where(gradient.ids < 0, num_rows, gradient.ids % num_rows).reshape(-1)
    rank = _ranks(ids)
    touched = beyond.at[rank].set(jnp.where(ids == num_rows, beyond[rank], ids))
    return touched, _by_rank(gradient, rank, room)


def row_squares(gradient: RowGradient) -> jax.Array:
    """The sum of the squares of all entries of the gradient of one table, []."""
    return native.dispatch(native.row_squares, _squares_plain, *gradient[:3])


def _squares_plain(ids: jax.Array, weights: jax.Array, x: jax.Array) -> jax.Array:
    if not ids.size:
        return jnp.zeros((), x.dtype)
    sums = _by_rank(RowGradient(ids, weights, x, jnp.int32(1)), _ranks(ids.reshape(-1)), ids.size)
    return (sums * sums).sum()


def _ranks(ids: jax.Array) -> jax.Array:
    """Which of the distinct ids, ascending, each is."""
    order = jnp.argsort(ids, stable=True)
    ascending = ids[order]
    rank = jnp.cumsum(jnp.concatenate([jnp.zeros(1, bool), ascending[1:] != ascending[:-1]]), dtype=jnp.int32)
    return jnp.zeros_like(rank).at[order].set(rank, unique_indices=True)


def _by_rank(gradient: RowGradient, rank: jax.Array, room: int) -> jax.Array:
    """Sums [room, width], the pairs of a row added in the order in which ``rows.scatter`` adds into a whole table."""
    like = native.shaped((room, gradient.x.shape[1]), gradient.x.dtype)
    return scatter_sum(like, rank.reshape(gradient.ids.shape), gradient.weights, gradient.x)
