"""GRD-2, GRD-3, IND-3: the gradients of the expert stage, and the gradients of touched rows."""

from typing import Any

import numpy as np
import pytest

from peerspec import native
from peerspec.conformance import check_backend
from peerspec.reference import DTYPES

from .test_expert_stage import problem, tables


def gradients(threads: int, isa: str, dtype: str, expert: str) -> dict[str, np.ndarray[Any, Any]]:
    layer, x, ids, gates = problem(dtype, expert=expert, tokens=40)
    flat, options = (40, 21), {"threads": threads, "isa": isa}
    dy = np.random.default_rng(2).standard_normal((40, 42)).astype(x.dtype)
    ids, gates = ids.reshape(flat), gates.reshape(flat)
    found = native.expert_stage_backward(tables(layer), x, ids, gates, dy, **options)
    by_row = native.sort_ids(ids, 49)
    rows = {
        name: native.scatter_sum(by_row, weights, dy if name == "v" else x, **options)
        for name, weights in found.weights.items()
    }
    return {"dx": found.dx, "dgates": found.dgates, **found.weights, **{f"d{name}": row for name, row in rows.items()}}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("expert", ["mlp", "glu"])
def test_gradients_have_the_same_bits_on_any_number_of_threads(isa: str, dtype: str, expert: str) -> None:
    one = gradients(1, isa, dtype, expert)
    for threads in (2, 3):
        other = gradients(threads, isa, dtype, expert)
        assert {name: array.tobytes() for name, array in one.items()} == {
            name: array.tobytes() for name, array in other.items()
        }


@pytest.mark.parametrize("num_rows", [1, 7, 2**11, 2**22 + 1, 2**40])
def test_ids_are_sorted_stably_and_each_is_listed_once(num_rows: int) -> None:
    ids = np.random.default_rng(0).integers(max(0, num_rows - 50), num_rows, (30, 5))
    order, touched, starts = native.sort_ids(ids, num_rows)
    np.testing.assert_array_equal(order, np.argsort(ids.ravel(), kind="stable"))
    want, counts = np.unique(ids, return_counts=True)
    np.testing.assert_array_equal(touched, want)
    np.testing.assert_array_equal(np.diff(starts), counts)


def test_no_ids_touch_no_row() -> None:
    order, touched, starts = native.sort_ids(np.zeros((0, 5), np.int64), 9)
    assert (len(order), len(touched), starts.tolist()) == (0, 0, [0])


def test_scatter_sum_sums_exact_data_exactly(isa: str) -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 6, (50, 8))
    weights, x = rng.integers(-4, 5, (50, 8)).astype(np.float32), rng.integers(-4, 5, (50, 19)).astype(np.float32)
    by_row = native.sort_ids(ids, 6)
    want = np.zeros((6, 19), np.float32)
    np.add.at(want, ids, weights[..., None] * x[:, None])
    np.testing.assert_array_equal(native.scatter_sum(by_row, weights, x, isa=isa), want[by_row.touched])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sums_too_large_for_the_caches_have_the_bits_of_smaller_ones(isa: str, dtype: Any) -> None:
    rng, rows, width = np.random.default_rng(0), 1 << 14, 8192 // np.dtype(dtype).itemsize
    ids = rng.integers(0, rows, (rows // 16, 32))
    weights, x = (rng.standard_normal((rows // 16, columns)).astype(dtype) for columns in (32, width))
    by_row = native.sort_ids(ids, rows)
    assert len(by_row.touched) * width * np.dtype(dtype).itemsize > 96 << 20  # a quarter stays below 48 MiB
    whole = native.scatter_sum(by_row, weights, x, isa=isa)
    for start in range(0, width, width // 4):
        part = slice(start, start + width // 4)
        few = native.scatter_sum(by_row, weights, np.ascontiguousarray(x[:, part]), isa=isa)
        np.testing.assert_array_equal(whole[:, part], few)


@pytest.mark.parametrize("num_rows", [5, 0])
def test_an_id_outside_the_table_is_an_error(num_rows: int) -> None:
    with pytest.raises(native.NativeError, match=r"lies outside 0\.\.N-1|refuses the arguments"):
        native.sort_ids(np.full((1, 1), 5), num_rows)


def test_the_backend_conforms_in_every_profile() -> None:
    from peerspec.backends.native import backend

    report = check_backend(backend, size="minimal")
    assert str(report.verdict) == "conformant", [finding for finding in report.findings if finding.status != "pass"]
