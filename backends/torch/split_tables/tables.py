"""Expert tables as DTensors: which part this process owns, and gradients of that part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed, nn
from torch.distributed import ProcessGroup
from torch.distributed.tensor import DTensor

from peerspec.backends.torch.in_backward import stands_for
from peerspec.reference import InputError

__all__ = [
    "Shards",
    "Versions",
    "draw",
    "give_to_all",
    "local",
    "require_first_order",
    "require_unchanged",
    "shards_of",
    "split",
]


Versions = tuple[tuple[Tensor, int], ...]
"""Tables, and their versions in the forward pass."""


class Shards(NamedTuple):
    """How the tables of a layer are split.

    Attributes:
        axis: 0 for rows, 1 for columns.
        group: the processes, in the order of the parts.
        rank: the place of this process among them.
        size: how many there are.
    """

    axis: int
    group: ProcessGroup
    rank: int
    size: int


def shards_of(tables: Mapping[str, Tensor]) -> Shards:
    """How these DTensors are split.

    Raises:
        InputError: they are not all split by rows or all by columns, over one axis of one mesh.
    """
    found = {(table.device_mesh, table.placements) for table in tables.values() if isinstance(table, DTensor)}
    if len(found) == 1 and all(isinstance(table, DTensor) for table in tables.values()):
        ((mesh, placements),) = found
        if mesh.ndim == 1 and (placements[0].is_shard(0) or placements[0].is_shard(1)):
            group = mesh.get_group()
            return Shards(0 if placements[0].is_shard(0) else 1, group, mesh.get_local_rank(), mesh.size())
    got = ", ".join(f"{name} {getattr(table, 'placements', 'whole')}" for name, table in tables.items())
    raise InputError(
        "the expert tables must all be split by rows, Shard(0), or all by columns, Shard(1), over one axis of a mesh, "
        f"got {got}; split them with peerspec.backends.torch.sharded.shard"
    )


def split(length: int, count: int) -> list[int]:
    """How many of ``length`` rows or columns each of ``count`` processes owns, as ``Shard`` splits them."""
    size = -(-length // count)
    return [max(0, min(size, length - size * rank)) for rank in range(count)]


def draw(table: Tensor, scale: float) -> None:
    """Draw the part of this process from the normal distribution: another part in each process, whatever its seed."""
    if table.is_meta:
        return
    shards = shards_of({"table": table})
    whole: Any = table
    own: Tensor = whole.to_local()
    seed = torch.randint(2**62, (1,), device=own.device)
    distributed.broadcast(seed, group=shards.group, group_src=0)
    own.normal_(0, scale, generator=torch.Generator(own.device).manual_seed(int(seed) + shards.rank))


@torch.no_grad()
def give_to_all(layer: nn.Module) -> None:
    """Give the parameters and buffers of the first process that are whole to all others."""
    tensors = [*layer.parameters(), *layer.buffers()]
    shards = shards_of({"table": next(tensor for tensor in tensors if isinstance(tensor, DTensor))})
    for tensor in tensors:
        if not tensor.is_meta and not isinstance(tensor, DTensor):
            distributed.broadcast(tensor, group=shards.group, group_src=0)


def require_unchanged(versions: Versions) -> None:
    """Raise InputError where a table was changed since the forward pass; autograd sees only changes of its part.

    Args:
        versions: the tables, and their versions then.
    """
    if any(table._version != version for table, version in versions):
        raise InputError(
            "an expert table was changed after the forward pass that this backward pass belongs to, for instance by an "
            "optimiser; call backward before step"
        )


def require_first_order() -> None:
    """Raise InputError within a backward pass whose gradients are to be differentiated again."""
    if torch.is_grad_enabled():
        raise InputError(
            "create_graph=True does not go through tables that are split over processes, which have one derivative; "
            "use a whole layer for gradient penalties"
        )


def local(table: Tensor) -> Tensor:
    """The part of this process, differentiable: its gradient becomes that of the DTensor."""
    part: Tensor = _Local.apply(table)  # type: ignore[no-untyped-call]  # not annotated
    stands_for(part, table)
    return part


class _Local(torch.autograd.Function):
    """``DTensor.to_local`` that passes no gradient on where there is none: an optimiser took it."""

    @staticmethod
    def forward(ctx: Any, table: DTensor) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.mesh, ctx.placements, ctx.form = table.device_mesh, table.placements, (table.shape, table.stride())
        own = table.to_local()
        return own.view_as(own)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None) -> DTensor | None:
        if gradient is None:
            return None
        shape, stride = ctx.form
        return DTensor.from_local(gradient, ctx.mesh, ctx.placements, run_check=False, shape=shape, stride=stride)
