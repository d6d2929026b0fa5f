"""Sums over selected rows: ``gather_sum`` by token, and ``scatter_sum`` by touched row, after ``sort_ids``."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.native.arrays import DTYPE_CODES, address, compute_dtype, contiguous
from peerspec.native.buffer_pool import pooled
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.reference import InputError

__all__ = ["SortedPairs", "gather_sum", "scatter_sum", "sort_ids"]


class SortedPairs(NamedTuple):
    """The pairs of a batch by the row that they select.

    Attributes:
        order: [T·K], the positions of the pairs, sorted by row.
        touched: [R], the distinct rows, ascending.
        starts: [R + 1], where the positions of each touched row start in ``order``, and T·K at the end.
    """

    order: NDArray[np.int64]
    touched: NDArray[np.int64]
    starts: NDArray[np.int64]


def gather_sum(
    table: Float[np.ndarray, "N width"],
    ids: Int[np.ndarray, "T K"],
    weights: Float[np.ndarray, "T K"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Float[np.ndarray, "T width"]:
    """For each token the weighted sum of the rows that it selects, in the compute dtype.

    Raises:
        InputError: arrays of other shapes or dtypes.
        NativeError: the core is missing, the processor lacks the instruction set, or an id lies outside 0..N-1.

    Example:
        >>> gather_sum(np.array([[1.0], [10.0], [100.0]]), np.array([[0, 2]]), np.array([[1.0, 0.5]]))
        array([[51.]])
    """
    dtype = compute_dtype(table.dtype)
    table = contiguous("table", table, table.dtype, (None, None))
    ids = contiguous("ids", ids, np.int64, (None, None))
    weights = contiguous("weights", weights, dtype, ids.shape)
    out = np.empty((len(ids), table.shape[1]), dtype)
    arrays = (address(array) for array in (table, ids, weights, out))
    require("peerspec_gather_sum", run(threads, isa), DTYPE_CODES[table.dtype], *table.shape, *ids.shape, *arrays)
    return out


def sort_ids(ids: Int[np.ndarray, "T K"], num_rows: int) -> SortedPairs:
    """The positions of ``ids``, flattened, sorted by id and then by position.

    Raises:
        InputError: ``ids`` is not an int64 array [T, K].
        NativeError: the core is missing, or an id lies outside 0..num_rows-1.

    Example:
        >>> order, touched, starts = sort_ids(np.array([[7, 3], [3, 3]]), 10)
        >>> order.tolist(), touched.tolist(), starts.tolist()
        ([1, 2, 3, 0], [3, 7], [0, 3, 4])
    """
    ids = contiguous("ids", ids, np.int64, (None, None))
    room = min(ids.size, num_rows)
    order, touched, starts = (np.empty(size, np.int64) for size in (ids.size, room, room + 1))
    count = np.zeros(1, np.int64)
    require("peerspec_sort_ids", ids.size, num_rows, *(address(a) for a in (ids, order, touched, starts, count)))
    return SortedPairs(order, touched[: count[0]], starts[: count[0] + 1])


def checked_order(order: Int[np.ndarray, " P"], weights: Float[np.ndarray, "T K"]) -> NDArray[np.int64]:
    """The sorted positions, contiguous; they may be some of the positions in ``weights``.

    Raises:
        InputError: another dtype or shape, or more positions than weights.
    """
    order = contiguous("order", order, np.int64, (None,))
    if order.size > weights.size:
        raise InputError(f"weights must have a number for each of {order.size} sorted ids, got {weights.size}")
    return order


def scatter_sum(
    by_row: SortedPairs,
    weights: Float[np.ndarray, "T K"],
    x: Float[np.ndarray, "T width"],
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Float[np.ndarray, "R width"]:
    """For each touched row Σ weight · x over its pairs. One thread sums a row, in the order of its pairs (GRD-3).

    ``by_row`` may list only some of the pairs, as positions in ``weights``.

    Raises:
        InputError: arrays of other shapes or dtypes.
        NativeError: the core is missing, or the processor lacks the instruction set.

    Example:
        >>> by_row = sort_ids(np.array([[7, 3], [3, 3]]), 10)
        >>> by_row.touched, scatter_sum(by_row, np.ones((2, 2)), np.array([[1.0], [10.0]]))
        (array([3, 7]), array([[21.],
               [ 1.]]))
    """
    weights = contiguous("weights", weights, compute_dtype(weights.dtype), (None, None))
    x = contiguous("x", x, weights.dtype, (len(weights), None))
    by_row = by_row._replace(order=checked_order(by_row.order, weights))
    out = pooled((len(by_row.touched), x.shape[1]), weights.dtype)
    arrays = (address(array) for array in (by_row.order, by_row.starts, weights, x, out))
    sizes = (x.shape[1], weights.shape[1], len(out))
    require("peerspec_scatter_sum", run(threads, isa), DTYPE_CODES[x.dtype], *sizes, *arrays)
    return out
