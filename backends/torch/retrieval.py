"""Retrieval: from queries to the experts of each head (SPEC.md, chapter 2)."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec.backends.torch import native, native_router
from peerspec.backends.torch.half_scores import half_scores
from peerspec.backends.torch.rows import gather_sum
from peerspec.backends.torch.selection import Selection, select_ranked
from peerspec.backends.torch.stable_topk import Ranked, stable_topk
from peerspec.backends.torch.touched import FactoredRows, scatter_sum, touched_rows

__all__ = ["retrieve"]

CHUNK = {"cpu": 1 << 22, "other": 1 << 28}
"""Half scores held at once: 16 MiB of float32, what the third cache of a small machine keeps; on accelerators, enough
to fill one."""


def retrieve(keys: Float[Tensor, "H_k 2 n half"], q: Float[Tensor, "T h d"], k: int) -> Selection:
    """Scores and ids [T, h, k], by the native core where it serves, else by library operations."""
    if native.is_supported(q.device, keys):
        return Selection(*native_router.retrieve(keys, q, k))
    return Selection(*_retrieve(q, keys, k))


# Half scores exist for a few tokens at a time, and their gradient, of which k of n are not zero, never does.
@torch.library.custom_op(
    "peerspec::retrieve_in_chunks", mutates_args=(), schema="(Tensor q, Tensor keys, int k) -> (Tensor, Tensor)"
)
def _retrieve(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    keys = keys.to(q.dtype)
    half_scores_of_token = 2 * q.shape[1] * keys.shape[2]
    most = max(1, min(len(q), CHUNK["cpu" if q.device.type == "cpu" else "other"] // half_scores_of_token))
    room = q.new_empty(most * half_scores_of_token)
    found = [_select(half_scores(keys, part, room), k) for part in torch.split(q, most)]
    scores, ids = (torch.cat(parts).view(*q.shape[:2], k) for parts in zip(*found, strict=True))
    return scores, ids


def _select(halves: Float[Tensor, "H_k 2 R n"], k: int) -> Selection:
    """Scores and ids [R, H_k, k]."""
    key_heads, _, rows, n = halves.shape
    kept = min(k, n)
    best = stable_topk(halves.view(-1, n), kept)
    values, positions = (array.view(key_heads, 2, rows, kept).transpose(0, 1).flatten(1, 2) for array in best)
    first, second = map(Ranked, values, positions)
    found = select_ranked(first, second, n, k)
    scores, ids = (array.view(key_heads, rows, k).transpose(0, 1) for array in found)
    return Selection(scores, ids)


@_retrieve.register_fake
def _(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    return q.new_empty(*q.shape[:2], k), q.new_empty(*q.shape[:2], k, dtype=torch.int64)


@torch.library.custom_op(
    "peerspec::gradients_of_retrieval",
    mutates_args=(),
    schema="(Tensor q, Tensor keys, Tensor ids, Tensor dscores) -> (Tensor, Tensor)",
)
def _gradients(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    """Sub-keys are rows of one table, of which each token and head picks k for either half (GRD-1, GRD-2)."""
    half, table = keys.shape[-1], keys.flatten(0, 2)
    rows = _sub_keys(ids, len(keys), keys.shape[2]).flatten(0, 2)
    weights = dscores[:, :, None].expand(-1, -1, 2, -1).flatten(0, 2)
    dq = gather_sum(table, rows, weights).view(q.shape)
    dkeys = torch.zeros_like(table, dtype=q.dtype)
    touched = touched_rows(rows, len(table))
    dkeys[touched.rows] = scatter_sum(FactoredRows(touched, weights, q.reshape(-1, half)))
    return dq, dkeys.to(keys.dtype).view(keys.shape)


@_gradients.register_fake
def _(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    return q.new_empty(q.shape), keys.new_empty(keys.shape)


def _sub_keys(ids: Int[Tensor, "T h k"], key_heads: int, n: int) -> Int[Tensor, "T h 2 k"]:
    """The rows of both sub-keys of each expert, sub-keys [H_k, 2, n] counted through."""
    parts = torch.stack((ids // n, ids % n + n), 2)
    return parts + 2 * n * torch.arange(ids.shape[1], device=ids.device)[:, None, None] if key_heads > 1 else parts


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:2], output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx: Any, dscores: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    return *_gradients(*ctx.saved_tensors, dscores), None


_retrieve.register_autograd(_backward, setup_context=_setup)
