"""Steps of optimisers on the touched rows of a table, in place; all other rows keep their bits.

A step costs what the batch touches and not what the table holds. SGD without momentum and row-wise Adagrad do exactly
what a step over all rows would, because a gradient of zero changes nothing there. Lazy Adam is another algorithm than
Adam: the moments of a row do not decay while nobody selects it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from peerspec.native.arrays import FORMATS, address, compute_dtype, contiguous
from peerspec.native.core import Sorted
from peerspec.native.library import require, run
from peerspec.reference import InputError

__all__ = ["FactoredRows", "adagrad_rows", "adam_rows", "sgd_rows"]


class FactoredRows(NamedTuple):
    """Gradients that are summed where they are used and never stored: those of ``spread_rows``, bit for bit.

    Attributes:
        by_row: the pairs by touched row.
        weights, x: [T, K] and [T, width] in the compute dtype.
    """

    by_row: Sorted
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
        table: [N, width] of a format of SPEC.md, C-contiguous, changed in place.
        touched: [R] distinct row numbers, int64, as ``sort_ids`` lists them.
        gradients: [R, width] in the compute dtype, or how to sum them, ``touched`` being ``by_row.touched``.

    Raises:
        InputError: arrays that do not fit, or a table that is not contiguous or may not be written to.
        NativeError: the core is missing, or a row outside the table; then some rows may have been changed.
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
    """sum ← sum + mean(gradient²); row ← row − rate · gradient / (√sum + ε), with one number of state a row.

    Args and errors as ``sgd_rows``; ``sums`` in the compute dtype, zero at first, changed in place.
    """
    sums = _state("sums", sums, compute_dtype(table.dtype), table.shape[:1])
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
    """Adam of the touched rows alone, biases corrected by the global ``step``, which counts from 1.

    Args and errors as ``sgd_rows``; the moments are tables in the compute dtype, zero at first, changed in place.
    """
    if step < 1:
        raise InputError(f"step counts from 1, got {step}")
    moments = tuple(
        _state(name, state, compute_dtype(table.dtype), table.shape)
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
    table = _state("table", table, table.dtype, (None, None))
    touched = contiguous("touched", touched, np.int64, (None,))
    first, second, *_ = (*(address(array) for array in state), None, None)
    codes = (run(threads, isa), optimiser, FORMATS[table.dtype])
    rest = (address(table), first, second, *numbers, step)
    if isinstance(gradients, FactoredRows):
        order, starts, weights, x = _sums(gradients, table, touched)
        sizes = (*table.shape, weights.shape[1], len(touched))
        arrays = (order, touched, starts, weights, x)
        require("peerspec_scatter_update", *codes, *sizes, *(address(array) for array in arrays), *rest)
    else:
        given = contiguous("gradients", gradients, compute_dtype(table.dtype), (len(touched), table.shape[1]))
        sizes = (*table.shape, len(touched))
        require("peerspec_update_rows", *codes, *sizes, address(touched), address(given), *rest)


def _sums(spread: FactoredRows, table: NDArray[Any], touched: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Order, starts, weights and x, which fit each other and the table."""
    dtype = compute_dtype(table.dtype)
    weights = contiguous("weights", spread.weights, dtype, (None, None))
    x = contiguous("x", spread.x, dtype, (len(weights), table.shape[1]))
    order = contiguous("order", spread.by_row.order, np.int64, (weights.size,))
    return order, contiguous("starts", spread.by_row.starts, np.int64, (len(touched) + 1,)), weights, x


def _state(name: str, array: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int | None, ...]) -> NDArray[Any]:
    """An array to be changed where it lies: never a copy."""
    contiguous(name, array, dtype, shape)
    if not (array.flags.c_contiguous and array.flags.writeable):
        raise InputError(f"{name} is changed in place and must be C-contiguous and writeable; pass a copy that is")
    return array
