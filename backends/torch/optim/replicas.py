"""The gradient of a table over all replicas of a model: the mean over the processes of a group."""

from __future__ import annotations

import torch
from torch import Tensor, distributed

from peerspec.backends.torch.touched import FactoredRows, touched_where

__all__ = ["mean_over", "several_processes"]


def several_processes(beside: set[int]) -> bool:
    """Whether this process trains together with others than those."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return False
    return distributed.get_world_size() > 1 + len(beside)


def mean_over(gradient: FactoredRows, num_rows: int, group: distributed.ProcessGroup) -> FactoredRows:
    """The mean of the gradients of all processes, with the same bits in each: their pairs in the order of the ranks.

    All processes call this in the same order; the numbers of their tokens may differ.
    """
    ids, weights, x = (
        torch.cat(_gathered(part, group)) for part in (gradient.touched.ids(gradient.weights, num_rows), *gradient[1:])
    )
    count = distributed.get_world_size(group)
    return FactoredRows(touched_where(ids, num_rows), weights / count, x)


def _gathered(tensor: Tensor, group: distributed.ProcessGroup) -> list[Tensor]:
    """The tensors of all processes, whose first axes may differ."""
    count = distributed.get_world_size(group)
    own = torch.tensor([len(tensor)], device=tensor.device)
    lengths = [torch.empty_like(own) for _ in range(count)]
    distributed.all_gather(lengths, own, group=group)
    longest = max(map(int, lengths))
    padded = tensor.new_zeros(longest, *tensor.shape[1:])
    padded[: len(tensor)] = tensor
    found = [torch.empty_like(padded) for _ in range(count)]
    distributed.all_gather(found, padded, group=group)
    return [part[: int(length)] for part, length in zip(found, lengths, strict=True)]
