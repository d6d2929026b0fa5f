"""The gradient of queries: each token and head sums the k sub-keys that it selected of either half (GRD-1, GRD-2)."""

from __future__ import annotations

import triton
import triton.language as tl

from peerspec.backends.gpu.numbers import widen

__all__ = ["query_gradient_kernel", "sub_keys_kernel"]


@triton.jit
def query_gradient_kernel(
    ids,
    dscores,
    keys,
    dq,
    HEADS: tl.constexpr,
    KEY_HEADS: tl.constexpr,
    N: tl.constexpr,
    K: tl.constexpr,
    HALF: tl.constexpr,
    ANSWERS: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """dq[t, h, half] = Σ dscore · sub-key over the k selected; programs along tokens and heads, and halves.

    Args:
        ids, dscores: [T, h, k].
        keys: [H_k, 2, n, d/2].
        dq: [T, h, 2, d/2], float32.
        ANSWERS, WIDTH: powers of two over k and d/2.
    """
    head = tl.program_id(0).to(tl.int64)
    half = tl.program_id(1)
    answer, d = tl.arange(0, ANSWERS), tl.arange(0, WIDTH)
    id = tl.load(ids + head * K + answer, mask=answer < K, other=0)
    weight = tl.load(dscores + head * K + answer, mask=answer < K, other=0.0)
    part = tl.where(half == 0, id // N, id % N)
    key_head = head % HEADS if KEY_HEADS > 1 else head * 0
    row = ((key_head * 2 + half) * N + part)[:, None]
    inside = (answer < K)[:, None] & (d < HALF)[None, :]
    sub_keys = widen(tl.load(keys + row * HALF + d[None, :], mask=inside, other=0.0))
    tl.store(dq + (head * 2 + half) * HALF + d, tl.sum(weight[:, None] * sub_keys, 0), mask=d < HALF)


@triton.jit(do_not_specialize=["pairs"])
def sub_keys_kernel(
    ids,
    rows,
    pairs,
    HEADS: tl.constexpr,
    KEY_HEADS: tl.constexpr,
    N: tl.constexpr,
    K: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """The rows of both sub-keys of each selected expert in the table of all sub-keys [H_k · 2 · n, d/2].

    Args:
        ids: [T, h, k], flat.
        rows: [T, h, 2, k], int32, flat: a pair of a half of a query and a sub-key.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < pairs
    id = tl.load(ids + at, mask=inside, other=0)
    head = at // K
    key_head = head % HEADS if KEY_HEADS > 1 else head * 0
    out = rows + head * 2 * K + at % K
    tl.store(out, (key_head * 2 * N + id // N).to(tl.int32), mask=inside)
    tl.store(out + K, (key_head * 2 * N + N + id % N).to(tl.int32), mask=inside)
