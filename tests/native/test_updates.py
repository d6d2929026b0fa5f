"""Steps of optimisers on touched rows, compared with the same formulas in float64 on all rows."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from peerspec import native
from peerspec.reference import DTYPES, InputError

TOUCHED = np.array([1, 4, 5, 19])


def problem(dtype: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """A table [20, 37], gradients of four rows, and the same gradients in a table in float64."""
    rng = np.random.default_rng(0)
    compute_dtype = np.float64 if dtype == "float64" else np.float32
    gradients = rng.standard_normal((4, 37)).astype(compute_dtype)
    dense = np.zeros((20, 37))
    dense[TOUCHED] = gradients
    return rng.standard_normal((20, 37)).astype(DTYPES[dtype]), gradients, dense


def close(got: NDArray[Any], want: NDArray[np.float64], roundings: int) -> None:
    """Assert an error of at most so many roundings in the compute dtype and one to the dtype of the table.

    All numbers are below 10 in magnitude.
    """
    compute_eps = np.finfo(np.float64 if got.dtype == np.float64 else np.float32).eps
    own = 2.0 ** -{"float64": 53, "float32": 24, "bfloat16": 8, "float16": 11}[got.dtype.name]
    assert np.abs(want).max() < 10
    np.testing.assert_array_less(np.abs(got.astype(np.float64) - want), 10 * (roundings * compute_eps + own))


@pytest.mark.parametrize("dtype", DTYPES)
def test_sgd_on_touched_rows_is_sgd_on_all(isa: str, dtype: str) -> None:
    table, gradients, dense = problem(dtype)
    want = table.astype(np.float64) - 0.25 * dense
    native.sgd_rows(table, TOUCHED, gradients, rate=0.25, isa=isa)
    # 0.25 · gradient is exact, which leaves one rounding to the compute dtype and one to the dtype of the table
    compute_dtype = gradients.dtype
    once = want.astype(compute_dtype) if dtype in ("float32", "float64") else want.astype(np.float32)
    np.testing.assert_array_equal(table, once.astype(table.dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_adagrad_on_touched_rows_is_adagrad_on_all(isa: str, dtype: str) -> None:
    table, gradients, dense = problem(dtype)
    want, total = table.astype(np.float64), np.zeros(20)
    sums = np.zeros(20, gradients.dtype)
    total += (dense**2).mean(1)
    want -= 0.1 * dense / (np.sqrt(total) + 1e-10)[:, None]
    native.adagrad_rows(table, TOUCHED, gradients, sums, rate=0.1, isa=isa)
    close(table, want, roundings=37 + 6)
    close(sums, total, roundings=37 + 2)


@pytest.mark.parametrize("dtype", DTYPES)
def test_lazy_adam_is_adam_on_touched_rows(isa: str, dtype: str) -> None:
    table, gradients, dense = problem(dtype)
    want, m, v = table.astype(np.float64), np.zeros((20, 37)), np.zeros((20, 37))
    first, second = np.zeros((2, 20, 37), gradients.dtype)
    m, v = 0.1 * dense, 0.001 * dense**2
    update = 0.1 * (m / (1 - 0.9)) / (np.sqrt(v / (1 - 0.999)) + 1e-8)
    want -= update
    native.adam_rows(table, TOUCHED, gradients, first, second, rate=0.1, step=1, isa=isa)
    close(table, want, roundings=12)
    close(first, m, roundings=3)
    close(second, v, roundings=4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_other_rows_keep_their_bits_and_threads_change_none(isa: str, dtype: str) -> None:
    results = []
    for threads in (1, 3):
        table, gradients, _ = problem(dtype)
        before, (first, second) = table.copy(), np.full((2, 20, 37), 0.5, gradients.dtype)
        native.adam_rows(table, TOUCHED, gradients, first, second, rate=0.1, step=3, threads=threads, isa=isa)
        rest = np.delete(np.arange(20), TOUCHED)
        assert table[rest].tobytes() == before[rest].tobytes()
        assert (first[rest] == 0.5).all()
        assert (second[rest] == 0.5).all()
        results.append(table.tobytes() + first.tobytes() + second.tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_numbers_are_rounded_to_a_narrow_table_as_numpy_rounds_them(isa: str, dtype: str) -> None:
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2**32, 1 << 16, dtype=np.uint64).astype(np.uint32)
    values = bits.view(np.float32)
    near = np.arange(1 << 16, dtype=np.uint16).view(DTYPES[dtype]).astype(np.float32)
    with np.errstate(all="ignore"):
        halfway = np.concatenate([near, np.nextafter(near, np.float32(np.inf)), (near + np.roll(near, 1)) / 2])
        values = np.concatenate([values, halfway])
        values = values[np.isfinite(values)][None]
        want = values.astype(DTYPES[dtype])
    table = np.zeros(values.shape, DTYPES[dtype])
    native.sgd_rows(table, np.zeros(1, np.int64), -values, rate=1.0, isa=isa)
    np.testing.assert_array_equal(table, want)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [37, 1030])
@pytest.mark.parametrize("optimiser", ["sgd", "adagrad", "adam"])
def test_factored_rows_give_the_bits_of_stored_gradients(isa: str, dtype: str, width: int, optimiser: str) -> None:
    rng = np.random.default_rng(2)
    compute_dtype = np.float64 if dtype == "float64" else np.float32
    by_row = native.sort_ids(rng.integers(0, 20, (9, 6)), 20)
    weights, x = (
        rng.standard_normal((9, 6)).astype(compute_dtype),
        rng.standard_normal((9, width)).astype(compute_dtype),
    )
    stored = native.scatter_sum(by_row, weights, x, isa=isa)
    results = []
    for gradients in (stored, native.FactoredRows(by_row, weights, x)):
        table = np.linspace(-1, 1, 20 * width).reshape(20, width).astype(DTYPES[dtype])
        first, second = np.full((2, 20, width), 0.5, compute_dtype)
        if optimiser == "sgd":
            native.sgd_rows(table, by_row.touched, gradients, rate=0.1, isa=isa)
        elif optimiser == "adagrad":
            native.adagrad_rows(table, by_row.touched, gradients, first[:, 0].copy(), rate=0.1, isa=isa)
        else:
            native.adam_rows(table, by_row.touched, gradients, first, second, rate=0.1, step=3, isa=isa)
        results.append((table.tobytes(), first.tobytes(), second.tobytes()))
    assert results[0] == results[1]


def test_tables_that_cannot_be_changed_in_place_are_errors() -> None:
    table, gradients, _ = problem("float32")
    with pytest.raises(InputError, match="changed in place"):
        native.sgd_rows(np.repeat(table, 2, 1)[:, ::2], TOUCHED, gradients, rate=1.0)
    with pytest.raises(InputError, match="sums must be float32 of shape"):
        native.adagrad_rows(table, TOUCHED, gradients, np.zeros(20), rate=1.0)
    with pytest.raises(InputError, match="step must be at least 1"):
        native.adam_rows(table, TOUCHED, gradients, table.copy(), table.copy(), rate=1.0, step=0)
    table.flags.writeable = False
    with pytest.raises(InputError, match="writeable"):
        native.sgd_rows(table, TOUCHED, gradients, rate=1.0)
    with pytest.raises(native.NativeError, match="outside"):
        native.sgd_rows(table.copy(), TOUCHED + 1, gradients, rate=1.0)
