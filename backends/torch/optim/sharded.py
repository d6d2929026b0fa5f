"""Parameters whose rows lie in several processes, as DTensors: each process updates its own rows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from peerspec.backends.torch.arrays import is_dtensor
from peerspec.reference import InputError

__all__ = ["like", "own_rows", "owners_of_other_rows"]


def own_rows(tensor: Tensor) -> Tensor:
    """The rows of this process of a DTensor that is sharded by rows or replicated; other tensors are whole.

    Raises:
        InputError: a DTensor that is sharded in another way.
    """
    if not is_dtensor(tensor):
        return tensor
    shards: Any = tensor
    if not all(placement.is_replicate() or placement.is_shard(0) for placement in shards.placements):
        raise InputError(
            f"optimisers of rows need parameters that are sharded by rows, Shard(0), or replicated, "
            f"got {shards.placements}; shard them by rows or take an optimiser of torch"
        )
    rows: Tensor = shards.to_local()
    return rows


def like(rows: Tensor, param: Tensor) -> Tensor:
    """State of the rows of this process, as a tensor that is sharded as the parameter."""
    if not is_dtensor(param):
        return rows
    from torch.distributed.tensor import DTensor

    shards: Any = param
    shape = torch.Size((len(param), *rows.shape[1:]))
    strides = torch.empty(shape, device="meta").stride()
    return DTensor.from_local(rows, shards.device_mesh, shards.placements, shape=shape, stride=strides)


def owners_of_other_rows(tensor: Tensor) -> set[int]:
    """The processes that own the rows of a DTensor that this one does not."""
    if not is_dtensor(tensor):
        return set()
    shards: Any = tensor
    mesh = shards.device_mesh
    found: set[int] = set()
    for axis, placement in enumerate(shards.placements):
        if placement.is_shard():
            found |= set(torch.distributed.get_process_group_ranks(mesh.get_group(axis)))
    return found - {torch.distributed.get_rank()}
