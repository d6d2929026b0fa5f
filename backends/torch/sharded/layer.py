"""Split the expert tables of a layer over the processes of a mesh."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Literal, NamedTuple
from weakref import ref

from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import Shard, distribute_tensor
from torch.utils.weak import WeakIdKeyDictionary

from peerspec.backends.torch.arrays import is_dtensor
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.split_tables.tables import give_to_all
from peerspec.reference import InputError

__all__ = ["shard"]

AXES = {"rows": 0, "width": 1}


class _Part(NamedTuple):
    """A part of a table, the layer that has it, and how often table and part had changed when it was made."""

    part: nn.Parameter
    layer: Callable[[], PEER | None]
    leaf: str
    versions: tuple[int, int]


_parts: MutableMapping[Tensor, _Part] = WeakIdKeyDictionary()
"""The parts of tables that something still has as a whole: layers that share a table share its parts."""


def shard(
    layer: PEER, mesh: DeviceMesh, *, by: Literal["rows", "width"] = "rows", average_gradients: bool = True
) -> PEER:
    """Split the expert tables of a layer, in place; all processes of the mesh call this, and each forward and backward.

    All processes get the parameters of the first. The tables become DTensors, so that optimisers and
    ``torch.distributed.checkpoint`` take them; query, sub-keys and norm stay whole in every process. The selection is
    that of the whole layer (SHD-2), no pair is dropped (SHD-3), and y and the gradients are within the bounds of
    chapter 7.

    Args:
        layer: the layer. On the device ``meta`` it holds no tables as a whole; call ``to_empty`` and
            ``reset_parameters`` after, or use ``load``.
        mesh: one axis of processes. Where it is a part of all processes, the others are replicas: start all with the
            same parameters, pass ``process_group`` to optimisers within the backward pass, and average all gradients
            over the replicas, those of the tables included; batch statistics are those of the processes of ``mesh``.
        by: ``"rows"``: each process owns N/P experts and passes its own tokens. ``"width"``: each process owns a part
            of the columns of every table, and all pass the same tokens.
        average_gradients: by rows, divide the gradients of the tables by the number of processes, as
            ``DistributedDataParallel`` and ``fully_shard`` do for all other parameters. With False they are those of
            the sum of the losses of all processes.

    Raises:
        InputError: a mesh of several axes, an unknown way, tables that are split already or are one tensor, or a table
            that another layer shares and that was split there in another way.

    Example:
        >>> from torch.distributed.device_mesh import init_device_mesh  # doctest: +SKIP
        >>> layer = shard(PEER(config), init_device_mesh("cuda", (8,)))  # doctest: +SKIP
    """
    if by not in AXES:
        raise InputError(f'by must be "rows" or "width", got {by!r}')
    if mesh.ndim != 1:
        raise InputError(f"the mesh must have one axis, got {mesh.ndim}; pass one of them, as in mesh['experts']")
    if any(map(is_dtensor, layer.parameters())):
        raise InputError("parameters of this layer are split already; split a layer once")
    tables: dict[str, Any] = dict(layer.experts.named_parameters(recurse=False, remove_duplicate=False))
    if len({id(table) for table in tables.values()}) < len(tables):
        raise InputError("tables that are one tensor cannot be split; split a layer whose tables are separate")
    parts = {leaf: _part_of(table, mesh, Shard(AXES[by])) for leaf, table in tables.items()}
    for leaf, part in parts.items():
        layer.experts.register_parameter(leaf, part)
    give_to_all(layer)
    for leaf, part in parts.items():
        _parts[tables[leaf]] = _Part(part, ref(layer), leaf, _versions(tables[leaf], part))
    layer.experts.average_gradients = average_gradients
    if by == "rows" and layer.query_norm is not None:
        layer.query_norm.process_group = mesh.get_group()
    return layer


def _part_of(table: Tensor, mesh: DeviceMesh, placement: Shard) -> nn.Parameter:
    """The part of another layer that shares the table, if neither has changed since; else a new one."""
    known = _parts.get(table)
    owner = known and known.layer()
    if known and owner is not None and getattr(owner.experts, known.leaf, None) is known.part:
        shards: Any = known.part
        if (shards.device_mesh, shards.placements) != (mesh, (placement,)):
            raise InputError("layers share a table, and one of them was split in another way; split both in one way")
        if known.versions == _versions(table, known.part) and shards.requires_grad == table.requires_grad:
            return known.part
    return nn.Parameter(distribute_tensor(table.detach(), mesh, [placement]), requires_grad=table.requires_grad)


def _versions(table: Tensor, part: Any) -> tuple[int, int]:
    return table._version, part.to_local()._version
