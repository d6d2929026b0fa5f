"""Retrieval: from queries to the experts of each head (SPEC.md, chapter 2)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from peerspec.backends.torch import native, native_router
from peerspec.backends.torch.scores import half_scores
from peerspec.backends.torch.selection import Selection, select

__all__ = ["retrieve"]


def retrieve(keys: Float[Tensor, "H_k 2 n half"], q: Float[Tensor, "T h d"], k: int) -> Selection:
    """Scores and ids [T, h, k], by the native core where it serves, else by library operations."""
    if native.serves(q.device, keys):
        return Selection(*native_router.retrieve(keys, q, k))
    return select(*half_scores(keys, q), k)
