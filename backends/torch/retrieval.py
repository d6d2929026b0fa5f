"""Retrieval: from queries to the experts of each head (SPEC.md, chapter 2)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch import plain
from peerspec.backends.torch.arrays import to_array, to_tensor
from peerspec.backends.torch.folding import fold_batches
from peerspec.backends.torch.gpu.limits import fits_retrieval, fits_router
from peerspec.backends.torch.half_scores import half_scores
from peerspec.backends.torch.kernels import OnGPU, register_kernels
from peerspec.backends.torch.onnx_node import traced_for_onnx
from peerspec.backends.torch.rows import gather_sum, summed_rows
from peerspec.backends.torch.selection import Selection, select_ranked
from peerspec.backends.torch.stable_topk import Ranked, stable_topk
from peerspec.backends.torch.touched import FactoredRows, touched_rows

__all__ = ["retrieve"]

CHUNK = {"cpu": 1 << 22, "other": 1 << 28}
"""Half scores held at once: on the CPU 16 MiB of float32, the third cache of a small machine; on accelerators, enough
to fill one."""


def retrieve(keys: Float[Tensor, "H_k 2 n half"], q: Float[Tensor, "T h d"], k: int) -> Selection:
    """Scores and ids [T, h, k] of queries after the query norm (SCO-1, SEL-1); scores are differentiable."""
    if plain.needs_plain():
        if traced_for_onnx():
            return Selection(*plain.retrieve(q, keys, k))
        scores, ids = _retrieve(q.detach(), keys.detach(), k)
        own = plain.scores_of(q, keys, ids)
        return Selection(torch.where(own.isfinite(), scores + (own - own.detach()), own), ids)
    return Selection(*_retrieve(q, keys, k))


def _by_library(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Half scores exist for a few tokens at a time."""
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
    ranks = min(k, n)
    best = stable_topk(halves.view(-1, n), ranks)
    values, positions = (array.view(key_heads, 2, rows, ranks).transpose(0, 1).flatten(1, 2) for array in best)
    first, second = map(Ranked, values, positions)
    found = select_ranked(first, second, n, k)
    scores, ids = (array.view(key_heads, rows, k).transpose(0, 1) for array in found)
    return Selection(scores, ids)


def _by_core(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    scores, ids = native.retrieve(_core_tables(q, keys, k), to_array(q), threads=torch.get_num_threads())
    return to_tensor(scores), to_tensor(ids)


def _by_gpu(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    from peerspec.backends.torch.gpu.retrieval import retrieve

    return retrieve(q, keys, k)


_retrieve = torch.library.custom_op(
    "peerspec::retrieve",
    _by_library,
    mutates_args=(),
    schema="(Tensor q, Tensor keys, int k) -> (Tensor scores, Tensor ids)",
)
register_kernels(_retrieve, core=_by_core, library=_by_library, gpu=OnGPU(_by_gpu, fits_retrieval), tables=(1,))
fold_batches(_retrieve, tokens=(0,))


@_retrieve.register_fake
def _(q: Tensor, keys: Tensor, k: int) -> tuple[Tensor, Tensor]:
    return q.new_empty(*q.shape[:2], k), q.new_empty(*q.shape[:2], k, dtype=torch.int64)


def _backward_by_library(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    """Sub-keys are rows of one table, and each token and head selects k of either half (GRD-1, GRD-2).

    So the gradient of the half scores [T, h, 2, n], of which k of n are not zero, is never made.
    """
    half, table = keys.shape[-1], keys.flatten(0, 2)
    rows = _sub_keys(ids, len(keys), keys.shape[2]).flatten(0, 2)
    weights = dscores[:, :, None].expand(-1, -1, 2, -1).flatten(0, 2)
    dq = gather_sum(table, rows, weights).view(q.shape)
    dkeys = torch.zeros_like(table, dtype=q.dtype)
    touched, sums = summed_rows(FactoredRows(touched_rows(rows, len(table)), weights, q.reshape(-1, half)))
    dkeys[touched] = sums
    return dq, dkeys.to(keys.dtype).view(keys.shape)


def _sub_keys(ids: Int[Tensor, "T h k"], key_heads: int, n: int) -> Int[Tensor, "T h 2 k"]:
    """The rows of both sub-keys of each expert in the table of all sub-keys, [H_k·2·n, d/2]."""
    parts = torch.stack((ids // n, ids % n + n), 2)
    return parts + 2 * n * torch.arange(ids.shape[1], device=ids.device)[:, None, None] if key_heads > 1 else parts


def _backward_by_core(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    arrays = (to_array(tensor) for tensor in (q, ids, dscores))
    router = _core_tables(q, keys, ids.shape[-1])
    dq, dkeys = native.retrieve_backward(router, *arrays, threads=torch.get_num_threads())
    return to_tensor(dq), to_tensor(dkeys).to(keys.dtype)


def _backward_by_gpu(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    from peerspec.backends.torch.gpu.router import retrieve_backward

    return retrieve_backward(q, keys, ids, dscores)


_retrieve_backward = torch.library.custom_op(
    "peerspec::retrieve_backward",
    _backward_by_library,
    mutates_args=(),
    schema="(Tensor q, Tensor keys, Tensor ids, Tensor dscores) -> (Tensor dq, Tensor dkeys)",
)
register_kernels(
    _retrieve_backward,
    core=_backward_by_core,
    library=_backward_by_library,
    gpu=OnGPU(_backward_by_gpu, fits_router),
    tables=(1,),
)


@_retrieve_backward.register_fake
def _(q: Tensor, keys: Tensor, ids: Tensor, dscores: Tensor) -> tuple[Tensor, Tensor]:
    return q.new_empty(q.shape), keys.new_empty(keys.shape)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.save_for_backward(*inputs[:2], output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx: Any, dscores: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
    q, keys, ids = ctx.saved_tensors
    if plain.needs_plain_backward(dscores):
        of_ids = partial(plain.scores_of, ids=ids)
        return *plain.gradients(of_ids, (q, keys), ctx.needs_input_grad[:2], dscores), None
    return *_retrieve_backward(q, keys, ids, dscores), None


_retrieve.register_autograd(_backward, setup_context=_setup_context)


def _core_tables(q: Tensor, keys: Tensor, k: int) -> native.RouterTables:
    """The sub-keys, with a query weight that gives only the sizes."""
    return native.RouterTables(to_array(keys.new_empty(*q.shape[1:], 1)), to_array(keys), k)
