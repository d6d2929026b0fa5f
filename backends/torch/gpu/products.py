"""Products on tensor cores whose terms are exact, with float32 sums (PRC-2): bfloat16 and float16 tables, on a GPU."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.gpu.launches import split
from peerspec.backends.torch.gpu.run import run
from peerspec.backends.torch.precision import without_autocast

__all__ = ["exact_half_scores", "exact_parts", "query"]


def query(x: Float[Tensor, "T D"], weight: Float[Tensor, "h d D"], bias: Tensor | None) -> Float[Tensor, "T h d"]:
    """q in float32 of tokens that are numbers of the dtype of the weight: a term has at most 22 bits."""
    q: Tensor = _product(x.to(weight.dtype)[None], weight.flatten(0, 1)[None].mT)
    q = q.view(len(x), *weight.shape[:2])
    return q if bias is None else q + bias.to(q.dtype)


def exact_parts(q: Float[Tensor, "T h d"]) -> Float[Tensor, "T h 2 thrice"]:
    """Each float32 number of either half as three bfloat16 numbers, for ``exact_half_scores``."""
    half = q.shape[2] // 2
    parts = q.new_empty(len(q), q.shape[1], 2, 3 * half, dtype=torch.bfloat16)
    run(split(q.numel(), half), q.contiguous(), parts)
    return parts


def exact_half_scores(
    keys: Float[Tensor, "H_k 2 n thrice"], parts: Float[Tensor, "T h 2 thrice"], room: Float[Tensor, " most"]
) -> Float[Tensor, "H_k 2 R n"]:
    """``half_scores`` of bfloat16 sub-keys, three times in a row, and of what ``exact_parts`` returned."""
    key_heads, _, n, thrice = keys.shape
    rows = parts.view(-1, 2 * key_heads, thrice).transpose(0, 1)
    out = room[: rows.shape[:2].numel() * n].view(*rows.shape[:2], n)
    _product(rows, keys.flatten(0, 1).mT, out)
    return out.view(key_heads, 2, rows.shape[1], n)


def _product(a: Tensor, b: Tensor, out: Tensor | None = None) -> Any:
    with without_autocast(a.device.type):
        if a.device.type == "cpu":  # interpreted kernels, without tensor cores
            return torch.bmm(a.float(), b.float(), out=out)
        if out is None:
            return torch.ops.aten.bmm.dtype(a, b, torch.float32)
        return torch.ops.aten.bmm.dtype_out(a, b, torch.float32, out=out)
