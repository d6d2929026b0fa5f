"""The operator that adds a routing to counts and sums of gates, in place."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from peerspec import native
from peerspec.backends.torch.arrays import to_array
from peerspec.backends.torch.kernels import register_kernels
from peerspec.backends.torch.operators import plain_operator

__all__ = ["count_experts"]


def count_experts(
    sums: Float[Tensor, "N 2"],
    ids: Int[Tensor, "*lead h k"],
    gates: Float[Tensor, "*lead h k"],
    mask: Bool[Tensor, "*lead"] | None,
) -> None:
    """Add 1 and the gate to the row of each expert, where ``mask`` is True; not within a backward pass.

    It is one operator so that it asks for a backward pass when it runs, also in a graph that was compiled.
    """
    _count(sums, ids, gates, mask)


def _by_library(sums: Tensor, ids: Tensor, gates: Tensor, mask: Tensor | None) -> None:
    """Only touched rows are read and written: a bincount would write all N.

    Nearly every row is a miss of all caches, and this is what an addition costs. So both numbers of an expert lie side
    by side, and on the CPU they are one complex number: torch adds single numbers at random places as fast as memory
    permits, but not pairs.
    """
    if _within_backward():
        return
    ones = sums.new_ones(()).expand(ids.shape)
    if mask is not None:
        kept = mask[..., None, None].expand(ids.shape)
        ones, gates = kept.to(sums), gates.where(kept, 0)  # a gate that is not kept may be NaN
    at, ones, gates = (each.reshape(-1) for each in (ids.to(sums.device), ones, gates.to(sums)))
    if sums.device.type == "cpu":
        torch.view_as_complex(sums).scatter_add_(0, at, torch.complex(ones, gates))
    else:
        sums.index_add_(0, at, torch.stack((ones, gates), 1))


def _by_core(sums: Tensor, ids: Tensor, gates: Tensor, mask: Tensor | None) -> None:
    """Rows are fetched some pairs ahead, and each thread adds to its own experts."""
    if _within_backward() or not ids.numel():
        return
    shape = -1, ids.shape[-2:].numel()
    gates = gates if gates.dtype == torch.float64 else gates.float()
    ids, gates = ids.long().reshape(shape), gates.reshape(shape)
    kept = None if mask is None else to_array(mask.reshape(-1))
    native.count_experts(to_array(sums), to_array(ids), to_array(gates), kept)


def _within_backward() -> bool:
    """Whether a checkpoint computes again what was added before."""
    return torch._C._current_graph_task_id() != -1


def _batched(info: Any, in_dims: tuple[int | None, ...], sums: Tensor, *routing: Tensor | None) -> tuple[None, None]:
    """A batch of routings is one larger routing."""
    whole = [
        each if each is None else each.expand(info.batch_size, *each.shape) if axis is None else each.movedim(axis, 0)
        for axis, each in zip(in_dims[1:], routing, strict=True)
    ]
    _count(sums, *whole)
    return None, None


_count = plain_operator(
    "count_experts", "(Tensor(a!) sums, Tensor ids, Tensor gates, Tensor? mask) -> ()", _by_library, lambda *_: None
)
register_kernels(_count, core=_by_core, library=_by_library, tables=(0,))
torch.library.register_vmap(_count, _batched)
