"""The gradients of queries and sub-keys, on a GPU."""

from __future__ import annotations

import torch
from torch import Tensor

from peerspec.backends.gpu import launches
from peerspec.backends.torch.gpu.rows import dense_gradient, touched_rows
from peerspec.backends.torch.gpu.run import run

__all__ = ["retrieve_backward"]


def retrieve_backward(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    """dq [T, h, d] and the gradient of the sub-keys [H_k, 2, n, d/2] (GRD-1, GRD-2)."""
    dq, dscores, ids = q.new_empty(q.shape), dscores.contiguous(), ids.contiguous()
    tokens, heads, k = ids.shape
    key_heads, _, n, half = keys.shape
    if not tokens:
        return dq, torch.zeros_like(keys)
    run(launches.query_gradient(tokens, heads, key_heads, n, k, half), ids, dscores, keys, dq)
    rows = ids.new_empty((tokens * heads * 2, k), dtype=torch.int32)
    run(launches.sub_keys(ids.numel(), heads, key_heads, n, k), ids, rows)
    weights = dscores[:, :, None].expand(-1, -1, 2, -1).reshape(-1, k)
    table = keys.flatten(0, 2)
    touched, order, starts, places = touched_rows(rows, len(table))
    dkeys = dense_gradient(table, touched, order, starts, places, weights, q.reshape(-1, half))
    return dq, dkeys.view(keys.shape)
