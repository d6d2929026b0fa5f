"""The gradients of queries and sub-keys, on a GPU."""

from __future__ import annotations

import torch
import triton
from torch import Tensor

from peerspec.backends.gpu.router import query_gradient_kernel, sub_keys_kernel
from peerspec.backends.torch.gpu.rows import dense_gradient, touched_rows

__all__ = ["retrieve_backward"]

_BLOCK = 1024


def retrieve_backward(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    """dq [T, h, d] and the gradient of the sub-keys [H_k, 2, n, d/2] (GRD-1, GRD-2)."""
    dq, dscores, ids = torch.empty_like(q), dscores.contiguous(), ids.contiguous()
    tokens, heads, k = ids.shape
    key_heads, _, n, half = keys.shape
    if not tokens:
        return dq, torch.zeros_like(keys)
    sizes = {"HEADS": heads, "KEY_HEADS": key_heads, "N": n, "K": k}
    query_gradient_kernel[tokens * heads, 2](
        ids,
        dscores,
        keys,
        dq,
        **sizes,
        HALF=half,
        ANSWERS=triton.next_power_of_2(k),
        WIDTH=triton.next_power_of_2(half),
        num_warps=1,
    )
    rows = ids.new_empty((tokens * heads * 2, k), dtype=torch.int32)
    sub_keys_kernel[(-(-ids.numel() // _BLOCK),)](ids, rows, ids.numel(), **sizes, BLOCK=_BLOCK)
    weights = dscores[:, :, None].expand(-1, -1, 2, -1).reshape(-1, k)
    table = keys.flatten(0, 2)
    touched, order, starts, places = touched_rows(rows, len(table))
    dkeys = dense_gradient(table, touched, order, starts, places, weights, q.reshape(-1, half))
    return dq, dkeys.view(keys.shape)
