"""Retrieval on a GPU: half scores by the library, and the exact selection by Triton."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from peerspec.backends.gpu import launches
from peerspec.backends.gpu.limits import MOST_HALF_SCORES
from peerspec.backends.torch.gpu.products import exact_half_scores, exact_parts
from peerspec.backends.torch.gpu.run import run
from peerspec.backends.torch.half_scores import half_scores

__all__ = ["launch_selection", "retrieve", "select"]

_SPLIT_AT_ONCE = 4
"""Chunks whose queries are split by one launch: fewer launches for more memory."""


def retrieve(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Scores and ids [T, h, k] of queries [T, h, d]."""
    scores, ids = _empty(q, (*q.shape[:2], k))
    of_token = 2 * q.shape[1] * keys.shape[2]
    most = max(1, min(len(q), MOST_HALF_SCORES // of_token))
    room = q.new_empty(most * of_token)
    for part, halves in _half_scores(q, keys, most, room):
        launch_selection(halves, k, scores[part], ids[part])
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


def _half_scores(q: Tensor, keys: Tensor, most: int, room: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Chunks of at most ``most`` tokens, with their half scores, which lie in ``room`` until the next are asked for."""
    if keys.dtype != torch.bfloat16:
        columns = keys.to(q.dtype)
        for part in _chunks(len(q), most):
            yield part, half_scores(columns, q[part], room)
        return
    thrice = keys.repeat(1, 1, 1, 3)
    for several in _chunks(len(q), _SPLIT_AT_ONCE * most):
        parts = exact_parts(q[several])
        for part in _chunks(len(parts), most):
            whole = slice(several.start + part.start, several.start + part.stop)
            yield whole, exact_half_scores(thrice, parts[part], room)


def _chunks(count: int, most: int) -> Iterator[slice]:
    return (slice(start, min(count, start + most)) for start in range(0, count, most))


def _empty(like: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return like.new_empty(shape), like.new_empty(shape, dtype=torch.int64)
