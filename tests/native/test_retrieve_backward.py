"""GRD-1, GRD-2: the gradients of retrieval equal sums over picked sub-keys."""

import numpy as np
import pytest

from peerspec import native
from peerspec.reference import DTYPES

TOKENS, HEADS, N, K = 23, 3, 5, 11


def problem(dtype: str, key_heads: int, half: int) -> tuple[native.RouterTables, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    weight, keys = np.zeros((HEADS, 2 * half, 1), DTYPES[dtype]), rng.standard_normal((key_heads, 2, N, half))
    router = native.RouterTables(weight, keys.astype(DTYPES[dtype]), K)
    q, dscores = rng.standard_normal((TOKENS, HEADS, 2 * half)), rng.standard_normal((TOKENS, HEADS, K))
    ids = rng.integers(0, N**2, (TOKENS, HEADS, K))
    return router, q.astype(router.compute_dtype), ids, dscores.astype(router.compute_dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("key_heads", [1, HEADS])
@pytest.mark.parametrize("half", [1, 16, 37])
def test_they_equal_the_sums_over_picked_sub_keys_to_the_bit(isa: str, dtype: str, key_heads: int, half: int) -> None:
    router, q, ids, dscores = problem(dtype, key_heads, half)
    lists = dscores.reshape(-1, K)
    own = np.arange(HEADS)[:, None] if key_heads > 1 else 0
    table, want = router.keys.reshape(-1, half), np.zeros((2 * key_heads * N, half), router.compute_dtype)
    for threads in (1, 2, 3):
        dq, dkeys = native.retrieve_backward(router, q, ids, dscores, threads=threads, isa=isa)
        for side, sub_keys in enumerate(np.divmod(ids, N)):
            rows, part = ((2 * own + side) * N + sub_keys).reshape(-1, K), slice(side * half, (side + 1) * half)
            by_row = native.sort_ids(rows, len(table))
            queries = np.ascontiguousarray(q[..., part]).reshape(-1, half)
            want[by_row.touched] = native.scatter_sum(by_row, lists, queries, isa=isa)
            sums = native.gather_sum(table, rows, lists, isa=isa)
            assert dq[..., part].tobytes() == sums.tobytes()
        assert dkeys.tobytes() == want.tobytes()


def test_sub_keys_that_are_not_picked_have_a_gradient_of_zero() -> None:
    router, q, ids, dscores = problem("float32", 1, 16)
    _, dkeys = native.retrieve_backward(router, q[:0], ids[:0], dscores[:0])
    assert not dkeys.any()
    _, dkeys = native.retrieve_backward(router, q, np.full_like(ids, 1), dscores)
    assert [bool(rows.any()) for rows in dkeys.reshape(-1, 16)] == [row in (0, N + 1) for row in range(2 * N)]


def test_an_id_beyond_the_sub_keys_is_an_error() -> None:
    router, q, ids, dscores = problem("float32", 1, 16)
    ids[-1, -1, -1] = N**2
    with pytest.raises(native.NativeError, match=r"lies outside 0\.\.N-1"):
        native.retrieve_backward(router, q, ids, dscores)
