"""A layer file from the parts of all processes, and back: the same file as of the whole layer (SHD-6)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, distributed
from torch.distributed.device_mesh import DeviceMesh

from peerspec.backends.torch.arrays import is_dtensor, to_array, to_tensor
from peerspec.backends.torch.checks import require_values
from peerspec.backends.torch.module import PEER
from peerspec.backends.torch.sharded.layer import shard
from peerspec.backends.torch.split_tables.collectives import GroupError, gathered_numbers
from peerspec.backends.torch.split_tables.tables import Shards, shards_of, split
from peerspec.files.atomic_file import AtomicFile
from peerspec.files.shown import printable
from peerspec.reference import FileFormError, InputError, PeerError
from peerspec.reference.parts import begin, open_parts
from peerspec.reference.storage import read
from peerspec.reference.validation import check_values

__all__ = ["load", "save"]

_LONGEST = 256
"""Bytes of the name of a file, at most, on all common file systems."""


def save(layer: PEER, path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write the layer file, whole or not at all (PAR-6); all processes call this.

    Each process writes its own part, so none holds a whole table. The path lies in a folder that all of them see.

    Raises:
        InputError: the tables are not split.
        FileFormError: the path exists and ``overwrite`` is false, or cannot be written.
        TableError: a parameter is not finite (PAR-3), or has no values because it lies on the device meta.
        GroupError: another process failed; its own error says why.
    """
    params = layer._tensors()
    tables = {name: tensor for name, tensor in params.items() if name.startswith("experts.")}
    if not all(map(is_dtensor, tables.values())):
        raise InputError("the tables of this layer are whole; call its method save")
    shards, path = shards_of(tables), Path(path)
    require_values(params)
    # a tool may have split the other parameters, too
    own = {name: to_array((_own if name in tables else _whole)(tensor)) for name, tensor in params.items()}
    with _together(shards):
        check_values(own)
    with ExitStack() as stack:
        with _together(shards), _naming(path):
            if shards.rank == 0:
                if os.path.lexists(path) and not overwrite:
                    raise FileExistsError
                file = stack.enter_context(AtomicFile(path))
                begin(layer.config, own["keys"].dtype, file.stream)
        name = _from_first(file.name.name if shards.rank == 0 else "", shards)
        with _together(shards), _naming(path):
            for leaf, part in open_parts(path.parent / name).items():
                if leaf in tables:
                    part[_place(part.shape, shards)] = own[leaf]
                elif shards.rank == 0:
                    part[...] = own[leaf]
        with _together(shards), _naming(path):
            if shards.rank == 0:
                file.publish(overwrite=overwrite)


def load(
    path: str | PathLike[str],
    mesh: DeviceMesh,
    *,
    by: Literal["rows", "width"] = "rows",
    prefix: str = "",
    device: torch.device | str | None = None,
    average_gradients: bool = True,
) -> PEER:
    """Read a layer file, each process its own part; arguments as ``PEER.load`` and ``shard``, errors as ``Layer.load``.

    The number of processes may be another one than that which wrote the file.
    """
    with _together(Shards(0, mesh.get_group(), mesh.get_local_rank(), mesh.size())):
        config, params = read(path, prefix)
    dtype = to_tensor(params["keys"][:0]).dtype
    layer = shard(PEER(config, device="meta", dtype=dtype), mesh, by=by, average_gradients=average_gradients)
    layer.to_empty(device=device or mesh.device_type)
    tensors = layer._tensors()
    shards = shards_of({name: tensor for name, tensor in tensors.items() if name.startswith("experts.")})
    own = {
        name: array[_place(array.shape, shards)] if name.startswith("experts.") else array
        for name, array in params.items()
    }
    with _together(shards):
        check_values(own)
    with torch.no_grad():
        for name, array in own.items():
            _own(tensors[name]).copy_(to_tensor(np.ascontiguousarray(array)))
    return layer


def _own(tensor: Tensor) -> Tensor:
    shards: Any = tensor
    return shards.to_local().detach() if is_dtensor(tensor) else tensor.detach()


def _whole(tensor: Tensor) -> Tensor:
    shards: Any = tensor
    return shards.full_tensor().detach() if is_dtensor(tensor) else tensor.detach()


def _place(shape: tuple[int, ...], shards: Shards) -> tuple[slice, ...]:
    """The part of this process in a whole table."""
    lengths = split(shape[shards.axis], shards.size)
    start = sum(lengths[: shards.rank])
    return (*[slice(None)] * shards.axis, slice(start, start + lengths[shards.rank]))


@contextmanager
def _together(shards: Shards) -> Iterator[None]:
    """Do something in all processes, and end in all of them if it fails in one."""
    failure: BaseException | None = None
    try:
        yield
    except PeerError as error:
        failure = error
    flag = torch.tensor([failure is not None], dtype=torch.int64, device=_device(shards))
    flags = gathered_numbers(flag, shards.group)
    if failure is not None:
        raise failure
    if failed := [rank for rank, (other,) in enumerate(flags) if other]:
        raise GroupError(f"process {failed[0]} failed, so nothing is read or written; its own error says why")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of the file system as sentences."""
    try:
        yield
    except FileExistsError:
        raise FileFormError(f"{path} exists; choose another path or pass overwrite=True") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormError(
            f"cannot write {printable(str(path))}: {reason}; choose a folder that all processes can write and that has "
            "room"
        ) from None


def _from_first(name: str, shards: Shards) -> str:
    """The name of a file that the first process gives."""
    padded = os.fsencode(name).ljust(_LONGEST, b"\0")
    numbers = gathered_numbers(torch.tensor(list(padded), device=_device(shards)), shards.group)[0]
    return os.fsdecode(bytes(numbers).rstrip(b"\0"))


def _device(shards: Shards) -> str:
    return "cuda" if distributed.get_backend(shards.group) == "nccl" else "cpu"
