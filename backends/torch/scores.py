"""Half scores: inner products of each query half with the sub-keys of its half (SPEC.md, SCO-1, SCO-3)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch.product import inner_products

__all__ = ["half_scores"]


def half_scores(
    keys: Float[Tensor, "H_k 2 n half"], q: Float[Tensor, "T h d"]
) -> tuple[Float[Tensor, "T h n"], Float[Tensor, "T h n"]]:
    """s1[t,h,i] = q[:d/2]·C_i and s2[t,h,j] = q[d/2:]·C'_j: no scale, no temperature."""
    keys = keys.to(q.dtype)
    n, half = keys.shape[-2:]
    shared = len(keys) == 1
    # one product over all tokens and heads where they share their keys, one per head where not
    rows = q.flatten(0, 1)[None] if shared else q.transpose(0, 1)
    first = inner_products(rows[..., :half], keys[:, 0])
    second = inner_products(rows[..., half:], keys[:, 1])
    if shared:
        return first.view(*q.shape[:2], n), second.view(*q.shape[:2], n)
    return first.transpose(0, 1), second.transpose(0, 1)
