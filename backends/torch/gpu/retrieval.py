"""Retrieval on a GPU: half scores by the library, and the exact selection by Triton."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.gpu import launches
from peerspec.backends.gpu.limits import MOST_HALF_SCORES
from peerspec.backends.torch.gpu.products import exact_half_scores, exact_parts
from peerspec.backends.torch.gpu.run import run
from peerspec.backends.torch.half_scores import half_scores

__all__ = ["launch_selection", "retrieve", "select"]


def retrieve(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Scores and ids [T, h, k] of queries [T, h, d]."""
    scores, ids = _empty(q, (*q.shape[:2], k))
    of_token = 2 * q.shape[1] * keys.shape[2]
    most = max(1, min(len(q), MOST_HALF_SCORES // of_token))
    room = q.new_empty(most * of_token)
    rows, columns = exact_parts(q, keys) if keys.dtype == torch.bfloat16 else (q, keys.to(q.dtype))
    scored = exact_half_scores if keys.dtype == torch.bfloat16 else half_scores
    for start in range(0, len(q), most):
        part = slice(start, start + most)
        launch_selection(scored(columns, rows[part], room), k, scores[part], ids[part])
    return scores, ids


def select(scores1: Tensor, scores2: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Scores and ids [R, k] of half scores [R, n]."""
    scores, ids = _empty(scores1, (len(scores1), k))
    launch_selection(torch.stack((scores1, scores2))[None], k, scores, ids)
    return scores, ids


def launch_selection(halves: Float[Tensor, "H_k 2 R n"], k: int, scores: Tensor, ids: Tensor) -> None:
    """Write scores and ids [R · H_k · k]."""
    key_heads, _, rows, n = halves.shape
    run(launches.select(n, k, rows, key_heads), halves, scores, ids)


def _empty(like: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return like.new_empty(shape), like.new_empty(shape, dtype=torch.int64)
