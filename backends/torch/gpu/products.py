"""Products on tensor cores whose terms are exact, with float32 sums (PRC-2): bfloat16 and float16 tables, on a GPU."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.gpu.launches import split
from peerspec.backends.torch.gpu.run import run

__all__ = ["half_scores", "query"]


def query(x: Float[Tensor, "T D"], weight: Float[Tensor, "h d D"], bias: Tensor | None) -> Float[Tensor, "T h d"]:
    """q in float32 of tokens that are numbers of the dtype of the weight: a term has at most 22 bits."""
    q: Tensor = _product(x.to(weight.dtype)[None], weight.flatten(0, 1)[None].mT)
    q = q.view(len(x), *weight.shape[:2])
    return q if bias is None else q + bias.to(q.dtype)


def half_scores(
    keys: Float[Tensor, "H_k 2 n half"], q: Float[Tensor, "T h d"], room: Float[Tensor, " most"]
) -> Float[Tensor, "H_k 2 R n"]:
    """``half_scores`` of the library, for bfloat16 sub-keys: each float32 q is split into three bfloat16 numbers."""
    key_heads, _, n, half = keys.shape
    parts = q.new_empty(len(q), q.shape[1], 2, 3 * half, dtype=torch.bfloat16)
    run(split(q.numel(), half), q.contiguous(), parts)
    rows = parts.view(-1, 2 * key_heads, 3 * half).transpose(0, 1)
    out = room[: rows.shape[:2].numel() * n].view(*rows.shape[:2], n)
    _product(rows, keys.flatten(0, 1).repeat(1, 1, 3).mT, out)
    return out.view(key_heads, 2, rows.shape[1], n)


def _product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Any:
    if a.device.type == "cpu":  # interpreted kernels, without tensor cores
        return torch.bmm(a.float(), b.float(), out=out)
    if out is None:
        return torch.ops.aten.bmm.dtype(a, b, torch.float32)
    return torch.ops.aten.bmm.dtype_out(a, b, torch.float32, out=out)
