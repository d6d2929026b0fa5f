"""Messages between the processes of a group. All of them call each function, in one order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, distributed
from torch.distributed import ProcessGroup

from peerspec.reference import PeerError

__all__ = ["GroupError", "gathered_numbers", "joined_columns", "summed", "swapped"]


class GroupError(PeerError):
    """Another process of the group ended, does not answer, or passes something else."""


def swapped(tensor: Tensor, sent: Sequence[int], received: Sequence[int], group: ProcessGroup) -> Tensor:
    """Send the rows of a tensor to all processes, and return the rows from them.

    Args:
        tensor: [Σ sent, ...], the rows for the first process, then those for the second, and so on.
        sent: how many rows each process gets.
        received: how many it sends to this one.
    """
    found = tensor.new_empty(sum(received), *tensor.shape[1:])
    _run(
        lambda: distributed.all_to_all_single(found, tensor.contiguous(), list(received), list(sent), group=group),
        group,
    )
    return found


def summed(tensor: Tensor, group: ProcessGroup) -> Tensor:
    """The sum over the processes, with the same bits in each."""
    total = tensor.clone()
    _run(lambda: distributed.all_reduce(total, group=group), group)
    return total


def joined_columns(part: Tensor, widths: Sequence[int], group: ProcessGroup) -> Tensor:
    """[T, Σ widths] of the columns [T, width] of each process."""
    tokens, widest = len(part), max(widths)
    padded = part.new_zeros(tokens, widest)
    padded[:, : part.shape[1]] = part
    found = [torch.empty_like(padded) for _ in widths]
    _run(lambda: distributed.all_gather(found, padded, group=group), group)
    return torch.cat([columns[:, :width] for columns, width in zip(found, widths, strict=True)], 1)


def gathered_numbers(numbers: Tensor, group: ProcessGroup) -> list[list[Any]]:
    """The numbers [C] of each process."""
    found = [torch.empty_like(numbers) for _ in range(distributed.get_world_size(group))]
    _run(lambda: distributed.all_gather(found, numbers, group=group), group)
    rows: list[list[Any]] = torch.stack(found).tolist()
    return rows


def _run(collective: Callable[[], Any], group: ProcessGroup) -> None:
    try:
        collective()
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise GroupError(
            f"process {distributed.get_rank(group)} waits for another that ended or does not answer ({reason}); see "
            "the output of the others, and start all again from the last checkpoint"
        ) from None
