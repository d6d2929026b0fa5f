"""The expert stage and its gradients by token: every row that a token selects is read once (SPEC.md, chapter 4)."""

from __future__ import annotations

import triton
import triton.language as tl

from peerspec.backends.gpu.activations import activate, activate_derivative
from peerspec.backends.gpu.numbers import narrow, widen

__all__ = ["expert_stage_backward_kernel", "expert_stage_kernel", "sum_parts_kernel"]


@triton.jit(do_not_specialize=["tokens"])
def expert_stage_kernel(
    x,
    ids,
    gates,
    u,
    w,
    v,
    y,
    products,
    tokens,
    K: tl.constexpr,
    D: tl.constexpr,
    M: tl.constexpr,
    WIDTH_D: tl.constexpr,
    WIDTH_M: tl.constexpr,
    EXPERTS: tl.constexpr,
    PER: tl.constexpr,
    ACTIVATION: tl.constexpr,
    GLU: tl.constexpr,
):
    """y = Σ gate · expert(x) over the pairs of each token (EXP-1, EXP-2, OUT-1); programs along tokens and parts.

    EXPERTS rows of u and of v are in flight before either is used. A part is PER pairs; parts are added later.

    Args:
        x, ids, gates: [tokens, D], [tokens, K], [tokens, K].
        u, w, v: tables [N, D], [N, D], [N, M]; ``w`` is read only with GLU.
        y: [parts, tokens, M].
        products: u·x, and with GLU w·x: [tokens, 1 or 2, K], float32.
        WIDTH_D, WIDTH_M: powers of two over D and M.
    """
    token = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    d, m = tl.arange(0, WIDTH_D), tl.arange(0, WIDTH_M)
    token_x = widen(tl.load(x + token * D + d, mask=d < D, other=0.0))[None, :]
    rows_of_products: tl.constexpr = 2 if GLU else 1
    at = products + token * rows_of_products * K
    total = tl.zeros((EXPERTS, WIDTH_M), tl.float32)
    for start in range(0, PER, EXPERTS):
        pair = part * PER + start + tl.arange(0, EXPERTS)
        there = pair < K
        inside_d, inside_m = there[:, None] & (d < D)[None, :], there[:, None] & (m < M)[None, :]
        row = tl.load(ids + token * K + pair, mask=there, other=0).to(tl.int64)[:, None]
        gate = tl.load(gates + token * K + pair, mask=there, other=0.0)
        row_u = tl.load(u + row * D + d[None, :], mask=inside_d, other=0.0)
        if GLU:
            row_w = tl.load(w + row * D + d[None, :], mask=inside_d, other=0.0)
        row_v = tl.load(v + row * M + m[None, :], mask=inside_m, other=0.0)
        a = tl.sum(widen(row_u) * token_x, 1)
        tl.store(at + pair, a, mask=there)
        if GLU:
            b = tl.sum(widen(row_w) * token_x, 1)
            tl.store(at + K + pair, b, mask=there)
            output = activate(b, ACTIVATION) * a
        else:
            output = activate(a, ACTIVATION)
        total += tl.where(there, gate * output, 0.0)[:, None] * widen(row_v)
    out = y + (part.to(tl.int64) * tokens + token) * M + m
    tl.store(out, narrow(tl.sum(total, 0), y.dtype.element_ty), mask=m < M)


@triton.jit(do_not_specialize=["tokens"])
def expert_stage_backward_kernel(
    ids,
    gates,
    u,
    w,
    v,
    dy,
    products,
    dx,
    dgates,
    weights_u,
    weights_v,
    weights_w,
    tokens,
    K: tl.constexpr,
    D: tl.constexpr,
    M: tl.constexpr,
    WIDTH_D: tl.constexpr,
    WIDTH_M: tl.constexpr,
    EXPERTS: tl.constexpr,
    PER: tl.constexpr,
    ACTIVATION: tl.constexpr,
    GLU: tl.constexpr,
    NEEDS_DX: tl.constexpr,
):
    """dx, dgates, and with which weight each pair enters the gradient of its rows (GRD-1).

    The rows of the gradients of u and w are sums of weight · x, those of v sums of weight · dy.

    Args:
        ids, gates, u, w, v, products, sizes: as of ``expert_stage_kernel``.
        dy: [tokens, M].
        dx: [parts, tokens, D].
        dgates, weights_u, weights_v, weights_w: [tokens, K], float32; ``weights_w`` is written only with GLU.
    """
    token = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    d, m = tl.arange(0, WIDTH_D), tl.arange(0, WIDTH_M)
    token_dy = widen(tl.load(dy + token * M + m, mask=m < M, other=0.0))[None, :]
    rows_of_products: tl.constexpr = 2 if GLU else 1
    at = products + token * rows_of_products * K
    total = tl.zeros((EXPERTS, WIDTH_D), tl.float32)
    for start in range(0, PER, EXPERTS):
        pair = part * PER + start + tl.arange(0, EXPERTS)
        there = pair < K
        inside_d, inside_m = there[:, None] & (d < D)[None, :], there[:, None] & (m < M)[None, :]
        row = tl.load(ids + token * K + pair, mask=there, other=0).to(tl.int64)[:, None]
        gate = tl.load(gates + token * K + pair, mask=there, other=0.0)
        a = tl.load(at + pair, mask=there, other=0.0)
        row_v = tl.load(v + row * M + m[None, :], mask=inside_m, other=0.0)
        if NEEDS_DX:
            row_u = tl.load(u + row * D + d[None, :], mask=inside_d, other=0.0)
            if GLU:
                row_w = tl.load(w + row * D + d[None, :], mask=inside_d, other=0.0)
        z = tl.sum(widen(row_v) * token_dy, 1)
        if GLU:
            b = tl.load(at + K + pair, mask=there, other=0.0)
            gating = activate(b, ACTIVATION)
            output, weight_u = gating * a, gate * z * gating
            weight_w = tl.where(there, gate * z * a * activate_derivative(b, ACTIVATION), 0.0)
            tl.store(weights_w + token * K + pair, weight_w, mask=there)
            if NEEDS_DX:
                total += weight_w[:, None] * widen(row_w)
        else:
            output = activate(a, ACTIVATION)
            weight_u = gate * z * activate_derivative(a, ACTIVATION)
        weight_u = tl.where(there, weight_u, 0.0)
        tl.store(dgates + token * K + pair, output * z, mask=there)
        tl.store(weights_u + token * K + pair, weight_u, mask=there)
        tl.store(weights_v + token * K + pair, gate * output, mask=there)
        if NEEDS_DX:
            total += weight_u[:, None] * widen(row_u)
    if NEEDS_DX:
        out = dx + (part.to(tl.int64) * tokens + token) * D + d
        tl.store(out, narrow(tl.sum(total, 0), dx.dtype.element_ty), mask=d < D)


@triton.jit(do_not_specialize=["count"])
def sum_parts_kernel(parts, out, count, PARTS: tl.constexpr, BLOCK: tl.constexpr):
    """The sum of PARTS arrays of ``count`` numbers, in their order; float32 in, rounded once."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    total = tl.zeros((BLOCK,), tl.float32)
    for part in range(PARTS):
        total += tl.load(parts + part * count.to(tl.int64) + at, mask=inside, other=0.0)
    tl.store(out + at, narrow(total, out.dtype.element_ty), mask=inside)
