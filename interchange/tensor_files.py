"""Checkpoints as files: safetensors alone, for reading other forms can execute what is in them."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from peerspec.files.atomic_file import AtomicFile
from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.header import Header, TensorEntry, read_header
from peerspec.files.shown import printable, shown
from peerspec.interchange.names import listed
from peerspec.reference import FileFormError

__all__ = ["read_tensors", "write_tensors"]


def read_tensors(path: str | PathLike[str], *, prefix: str = "") -> dict[str, NDArray[Any]]:
    """The tensors of a safetensors file by name, as read-only views of one memory map.

    Args:
        path: the file.
        prefix: what stands before a dot in the names of those that are wanted; they keep it. All by default.

    Raises:
        FileFormError: the file is missing or unreadable, is none, has no such prefix, or a wanted tensor has a
            dtype that is not read here.

    Example:
        >>> sorted(read_tensors("layer.safetensors"))
        ['experts.u', 'experts.v', 'keys', 'query.weight']
    """
    header, memory = _mapped(Path(path))
    wanted = {name: header.tensors[name] for name in header.names if not prefix or name.startswith(f"{prefix}.")}
    if prefix and not wanted:
        found = listed(header.names)
        raise FileFormError(f"{printable(str(path))} has no tensor with the prefix {shown(prefix)}; {found}")
    for name, entry in wanted.items():
        if entry.code not in DTYPE_OF_CODE:
            raise FileFormError(
                f"{printable(str(path))}: {shown(name)} has dtype {printable(entry.code[:60])}, which cannot be read; "
                f"pass the prefix of a layer without it, or convert it to one of {', '.join(DTYPE_OF_CODE)}"
            )
    return {name: _view(memory, entry) for name, entry in wanted.items()}


def _mapped(path: Path) -> tuple[Header, NDArray[np.uint8]]:
    try:
        if not path.is_file():
            raise FileFormError(f"{printable(str(path))} is not a file; pass a safetensors file")
        with path.open("rb") as file:
            return read_header(file), np.memmap(file, np.uint8, "r")
    except OSError as error:
        raise FileFormError(
            f"cannot read {printable(str(path))}: {error.strerror}; pass a file that can be read"
        ) from None
    except FileFormError:
        raise
    except ValueError as error:
        raise FileFormError(
            f"{printable(str(path))} is not a readable safetensors file ({error}); save the state dict with "
            "safetensors.torch.save_file"
        ) from None


def _view(memory: NDArray[np.uint8], entry: TensorEntry) -> NDArray[Any]:
    part = memory[entry.start : entry.stop].view(np.ndarray)
    return part.view(DTYPE_OF_CODE[entry.code]).reshape(entry.shape)


def write_tensors(tensors: Mapping[str, NDArray[Any]], path: str | PathLike[str], *, overwrite: bool = False) -> None:
    """Write tensors to a safetensors file, whole or not at all.

    Raises:
        FileFormError: the path exists and ``overwrite`` is false, or cannot be written.
    """
    path = Path(path)
    try:
        with AtomicFile(path) as file:
            save_file({name: np.asarray(array, order="C") for name, array in tensors.items()}, file.name)
            file.publish(overwrite=overwrite)
    except FileExistsError:
        raise FileFormError(f"{path} exists; choose another path or pass overwrite=True") from None
    except (OSError, SafetensorError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormError(
            f"cannot write {printable(str(path))}: {shown(reason)}; choose a folder that can be written and has room"
        ) from None
