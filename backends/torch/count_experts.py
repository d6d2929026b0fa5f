"""The operator that adds a routing to counts and sums of gates, in place."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

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


def _add(sums: Tensor, ids: Tensor, gates: Tensor, mask: Tensor | None) -> None:
    """Only touched rows are read and written: a bincount would write all N.

    Nearly every row is a miss of all caches, and this is what an addition costs. So both numbers of an expert lie side
    by side, and on the CPU they are one complex number: torch adds single numbers at random places as fast as memory
    permits, but not pairs.
    """
    if torch._C._current_graph_task_id() != -1:  # a checkpoint computes again what was added before
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


def _batched(info: Any, in_dims: tuple[int | None, ...], sums: Tensor, *routing: Tensor | None) -> tuple[None, None]:
    """A batch of routings is one larger routing."""
    whole = [
        each if each is None else each.expand(info.batch_size, *each.shape) if axis is None else each.movedim(axis, 0)
        for axis, each in zip(in_dims[1:], routing, strict=True)
    ]
    _count(sums, *whole)
    return None, None


_count = plain_operator(
    "count_experts", "(Tensor(a!) sums, Tensor ids, Tensor gates, Tensor? mask) -> ()", _add, lambda *_: None
)
torch.library.register_vmap(_count, _batched)
