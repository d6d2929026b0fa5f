"""Half scores: inner products of each query half with the sub-keys of its half (SPEC.md, SCO-1, SCO-3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch.precision import full_precision

__all__ = ["half_scores"]


def half_scores(
    keys: Float[Tensor, "H_k 2 n half"], q: Float[Tensor, "T h d"], room: Float[Tensor, " most"]
) -> Float[Tensor, "H_k 2 R n"]:
    """s1[t,h,i] = q[:d/2]·C_i and s2[t,h,j] = q[d/2:]·C'_j: no scale, no temperature; not differentiable.

    R counts the tokens and heads that use one set of sub-keys: R = T·h if there is one set, else R = T.

    Args:
        keys: in the dtype of ``q``.
        room: memory for at least 2·T·h·n numbers, to which the scores are written.
    """
    key_heads, _, n, half = keys.shape
    rows = q.reshape(-1, 2 * key_heads, half).transpose(0, 1)
    out = room[: rows.shape[:2].numel() * n].view(*rows.shape[:2], n)
    with full_precision(q.device.type):
        torch.bmm(rows, keys.flatten(0, 1).mT, out=out)
    return out.view(key_heads, 2, rows.shape[1], n)
