"""Steps of optimisers on the touched rows of a table, in place; all other rows keep their bits.

The cost of a step depends on the batch, not on the size of the table. SGD without momentum and row-wise Adagrad equal a
step on all rows, because a gradient of zero changes nothing there. Lazy Adam does not equal Adam: the moments of a row
decay only when the row is touched.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.native.arrays import DTYPE_CODES, address, compute_dtype, contiguous, in_place
from peerspec.native.isa import run
from peerspec.native.library import require
from peerspec.native.rows import SortedPairs, checked_order
from peerspec.reference import InputError

__all__ = ["FactoredRows", "adagrad_rows", "adam_rows", "sgd_rows"]


class FactoredRows(NamedTuple):
    """Gradients of touched rows that the step sums itself and never stores, with the bits of ``scatter_sum``.

    Attributes:
        by_row: the pairs, sorted by touched row.
        weights, x: [T, K] and [T, width], in the compute dtype.
    """

    by_row: SortedPairs
    weights: Float[np.ndarray, "T K"]
    x: Float[np.ndarray, "T width"]


Table = Float[np.ndarray, "N width"]
Touched = Int[np.ndarray, " R"]
Gradients = Float[np.ndarray, "R width"] | FactoredRows
_SGD, _ADAGRAD, _ADAM = range(3)


def sgd_rows(
    table: Table,
    touched: Touched,
    gradients: Gradients,
    *,
    rate: float,
    threads: int | None = None,
    isa: str | None = None,
) -> None:
    """row ← row − rate · gradient.

    Args:
        table: [N, width] of a dtype of SPEC.md, C-contiguous and writeable, changed in place.
        touched: [R], distinct row numbers, int64; ``by_row.touched`` for factored rows.
        gradients: [R, width] in the compute dtype, or factored rows.
        rate: the learning rate.

    Raises:
        InputError: arrays that do not fit, or a table that is not contiguous or not writeable.
        NativeError: the core is missing, or a row is outside the table; some rows may be changed then.

    Example:
        >>> table = np.zeros((4, 2))
        >>> sgd_rows(table, np.array([1, 3]), np.ones((2, 2)), rate=0.5)
        >>> table[:, 0]
        array([ 0. , -0.5,  0. , -0.5])
    """
    _update(_SGD, table, touched, gradients, (), (rate, 0.0, 0.0, 0.0), 1, threads, isa)


def adagrad_rows(
    table: Table,
    touched: Touched,
    gradients: Gradients,
    sums: Float[np.ndarray, " N"],
    *,
    rate: float,
    epsilon: float = 1e-10,
    threads: int | None = None,
    isa: str | None = None,
) -> None:
    """sum ← sum + mean(gradient²); row ← row − rate · gradient / (√sum + ε): Adagrad with one sum for each row.

    Arguments and errors as ``sgd_rows``. ``sums`` is in the compute dtype, starts at zero, and is changed in place.

    Example:
        >>> table, sums = np.zeros((4, 2)), np.zeros(4)
        >>> adagrad_rows(table, np.array([1, 3]), np.ones((2, 2)), sums, rate=0.5)
        >>> table[:, 0], sums
        (array([ 0. , -0.5,  0. , -0.5]), array([0., 1., 0., 1.]))
    """
    sums = in_place("sums", sums, compute_dtype(table.dtype), table.shape[:1])
    _update(_ADAGRAD, table, touched, gradients, (sums,), (rate, epsilon, 0.0, 0.0), 1, threads, isa)


def adam_rows(
    table: Table,
    touched: Touched,
    gradients: Gradients,
    first: Table,
    second: Table,
    *,
    rate: float,
    step: int,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    threads: int | None = None,
    isa: str | None = None,
) -> None:
    """Lazy Adam: Adam on the touched rows only. The global ``step``, which counts from 1, corrects the bias.

    Arguments and errors as ``sgd_rows``. ``first`` and ``second`` are the moments: tables in the compute dtype that
    start at zero and are changed in place.

    Example:
        >>> table, first, second = np.zeros((4, 2)), np.zeros((4, 2)), np.zeros((4, 2))
        >>> adam_rows(table, np.array([1, 3]), np.ones((2, 2)), first, second, rate=0.5, step=1)
        >>> table[:, 0].round(6)
        array([ 0. , -0.5,  0. , -0.5])
    """
    if step < 1:
        raise InputError(f"step must be at least 1, got {step}; the first step is 1")
    moments = tuple(
        in_place(name, state, compute_dtype(table.dtype), table.shape)
        for name, state in (("first", first), ("second", second))
    )
    _update(_ADAM, table, touched, gradients, moments, (rate, epsilon, *betas), step, threads, isa)


def _update(
    optimiser: int,
    table: NDArray[Any],
    touched: NDArray[Any],
    gradients: NDArray[Any] | FactoredRows,
    state: tuple[NDArray[Any], ...],
    numbers: tuple[float, ...],
    step: int,
    threads: int | None,
    isa: str | None,
) -> None:
    table = in_place("table", table, table.dtype, (None, None))
    touched = contiguous("touched", touched, np.int64, (None,))
    first, second, *_ = (*(address(array) for array in state), None, None)
    codes = (run(threads, isa), optimiser, DTYPE_CODES[table.dtype])
    rest = (address(table), first, second, *numbers, step)
    if isinstance(gradients, FactoredRows):
        order, starts, weights, x = _checked(gradients, table, touched)
        sizes = (*table.shape, weights.shape[1], len(touched))
        arrays = (order, touched, starts, weights, x)
        require("peerspec_scatter_update", *codes, *sizes, *(address(array) for array in arrays), *rest)
    else:
        given = contiguous("gradients", gradients, compute_dtype(table.dtype), (len(touched), table.shape[1]))
        sizes = (*table.shape, len(touched))
        require("peerspec_update_rows", *codes, *sizes, address(touched), address(given), *rest)


def _checked(rows: FactoredRows, table: NDArray[Any], touched: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Order, starts, weights and x, after checking that they fit each other and the table."""
    dtype = compute_dtype(table.dtype)
    weights = contiguous("weights", rows.weights, dtype, (None, None))
    x = contiguous("x", rows.x, dtype, (len(weights), table.shape[1]))
    order = checked_order(rows.by_row.order, weights)
    return order, contiguous("starts", rows.by_row.starts, np.int64, (len(touched) + 1,)), weights, x
