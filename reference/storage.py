"""Layer files: safetensors by parameter name, the configuration in the metadata (PAR-6, PAR-7, PAR-8, PAR-9)."""

from __future__ import annotations

import mmap
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from peerspec.files.atomic_file import AtomicFile
from peerspec.files.dtypes import DTYPE_OF_CODE
from peerspec.files.header import Header, TensorEntry, read_header
from peerspec.files.shown import printable, shown
from peerspec.reference.config import PeerConfig
from peerspec.reference.dtypes import DTYPES, parameter_dtype
from peerspec.reference.errors import FileFormError, TableError
from peerspec.reference.file_metadata import configs_of, layer_metadata, names_under
from peerspec.reference.validation import check_parameters, check_shapes
from peerspec.reference.version import OLD_VERSION

__all__ = ["check_codes", "header_of", "list_layers", "naming", "opened", "read", "views", "write", "write_tensors"]

_NORESERVE = 0x4000  # of Linux, which else refuses to map a file that is larger than memory so that it can be changed
_LAYER = "a layer written by Layer.save"
_CODES = {code: dtype for code, dtype in DTYPE_OF_CODE.items() if dtype in DTYPES.values()}
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # a pipe must not be waited for


def write(
    config: PeerConfig, params: Mapping[str, NDArray[Any]], path: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a layer to a temporary file, then rename it to ``path``; errors as ``Layer.save``."""
    check_parameters(config, params)
    write_tensors(params, layer_metadata(config), path, overwrite=overwrite)


def write_tensors(
    params: Mapping[str, NDArray[Any]], metadata: Mapping[str, str], path: str | PathLike[str], *, overwrite: bool
) -> None:
    """Write a safetensors file, whole or not at all.

    Raises:
        FileFormError: the path exists and ``overwrite`` is false, or cannot be written.
    """
    path = Path(path)
    exists = FileFormError(f"{path} exists; choose another path or pass overwrite=True")
    if os.path.lexists(path) and not overwrite:
        raise exists
    tensors = {name: np.ascontiguousarray(array) for name, array in params.items()}
    try:
        with AtomicFile(path) as file:
            save_file(tensors, file.name, metadata=dict(metadata))
            file.publish(overwrite=overwrite)
    except FileExistsError:
        raise exists from None
    except (OSError, SafetensorError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormError(
            f"cannot write {printable(str(path))}: {reason}; choose a folder that can be written and has room"
        ) from None


def list_layers(path: str | PathLike[str]) -> dict[str, PeerConfig]:
    """The configuration of each layer of a safetensors file by its prefix; a layer file has the prefix "" (PAR-8).

    Only the header is read, and compared with the configurations. ``Layer.load(path, prefix=prefix)`` reads a layer.

    Raises:
        FileFormError: the file is missing, unreadable, of another version, or describes no layer.
        ConfigError: a configuration is outside the specification.
        TableError: a parameter of a layer is missing or unknown, or has another shape (PAR-1).

    Example:
        >>> for prefix, config in list_layers("model.safetensors").items():  # doctest: +SKIP
        ...     print(prefix, config.num_experts)
    """
    with opened(Path(path)) as file:
        return _layers_of(header_of(file, path), path)


def read(
    path: str | PathLike[str], prefix: str = "", *, copy_on_write: bool = False
) -> tuple[PeerConfig, dict[str, NDArray[Any]]]:
    """The configuration and the parameters of a layer, as read-only views of one memory map; errors as ``Layer.load``.

    The file is opened once, so that its header and its numbers belong together even if another file takes its name.
    With ``copy_on_write`` the views can be changed; what is written stays in this process.
    """
    with opened(Path(path)) as file:
        header = header_of(file, path)
        configs = _layers_of(header, path)
        if prefix not in configs:
            raise FileFormError(_no_such_layer(path, prefix, list(configs)))
        entries = _entries(header, prefix)
        with naming(path, prefix):
            check_codes(entries)
        params = views(file, path, entries, copy_on_write=copy_on_write)
    if header.metadata["peerspec.spec"] == OLD_VERSION:  # widening is exact
        dtype = params["keys"].dtype
        params = {name: array.astype(parameter_dtype(name, dtype), copy=False) for name, array in params.items()}
    return configs[prefix], params


@contextmanager
def naming(path: str | PathLike[str], prefix: str, kind: str = "layer") -> Iterator[None]:
    """Put the file and the layer, or what else ``kind`` says, before the message of a ``TableError``."""
    try:
        yield
    except TableError as error:
        raise TableError(f"{path}{f', {kind} {shown(prefix)}' if prefix else ''}: {error}") from None


@contextmanager
def opened(path: Path, wanted: str = _LAYER) -> Iterator[BinaryIO]:
    """A file, open for reading; ``wanted`` says in errors what to pass.

    Raises:
        FileFormError: it cannot be read.
    """
    try:
        handle = os.open(path, _OPEN)
    except (FileNotFoundError, NotADirectoryError):
        raise FileFormError(f"{path} is not a file; pass {wanted}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormError(f"cannot read {printable(str(path))}: {reason}; pass a file that can be read") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileFormError(f"{path} is not a file; pass {wanted}")
    with os.fdopen(handle, "rb") as file:
        yield file


def header_of(file: BinaryIO, path: object, wanted: str = "a complete layer file written by Layer.save") -> Header:
    """The header of an open file; ``wanted`` says in errors what to pass.

    Raises:
        FileFormError: it is no safetensors file.
    """
    try:
        return read_header(file)
    except (OSError, ValueError) as error:
        raise FileFormError(f"{path} is not a readable safetensors file ({error}); pass {wanted}") from None


def _layers_of(header: Header, path: str | PathLike[str]) -> dict[str, PeerConfig]:
    """The configurations in a header, after a check of the names and shapes of every layer (PAR-8, PAR-9)."""
    configs = configs_of(header.metadata, path)
    for prefix, config in configs.items():
        with naming(path, prefix):
            check_shapes(config, {name: entry.shape for name, entry in _entries(header, prefix).items()})
    codes = sorted({entry.code for entry in header.tensors.values()})
    if header.metadata["peerspec.spec"] == OLD_VERSION and len(codes) > 1:
        raise FileFormError(
            f"{path} was written for spec {OLD_VERSION}, where all tensors have one dtype, but holds {codes[0]} and "
            f"{codes[1]}; convert the tensors and save the layer again (PAR-7)"
        )
    return configs


def _entries(header: Header, prefix: str) -> dict[str, TensorEntry]:
    """The tensors of a layer by the names of PAR-1."""
    if not prefix:
        return dict(header.tensors)
    return {name.removeprefix(f"{prefix}."): header.tensors[name] for name in names_under(prefix, header.names)}


def _no_such_layer(path: object, prefix: str, known: list[str]) -> str:
    if known == [""]:
        return f"{path} is the file of one layer, without prefixes; leave out the prefix {shown(prefix)} (PAR-6)"
    listed = ", ".join(map(shown, known[:8])) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    got = f"has no layer with the prefix {shown(prefix)}" if prefix else "holds layers with prefixes"
    return f"{path} {got}; pass one of prefix={listed} (PAR-8)"


def check_codes(entries: Mapping[str, TensorEntry]) -> None:
    """Raise TableError where a tensor has a dtype that no parameter has (PAR-5)."""
    for name, entry in entries.items():
        if entry.code not in _CODES:
            raise TableError(
                f"{name} has dtype {printable(entry.code[:60])}; a layer holds {', '.join(_CODES)} (PAR-5)"
            )


def _mapped(file: BinaryIO, path: object, *, copy_on_write: bool) -> NDArray[np.uint8]:
    try:
        if not copy_on_write:
            return np.memmap(file, np.uint8, "r")
        if sys.platform == "linux":
            memory = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE | _NORESERVE, mmap.PROT_READ | mmap.PROT_WRITE)
            memory.madvise(mmap.MADV_RANDOM)  # rows are read one by one, and reading ahead costs ten times the time
        else:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        return np.frombuffer(memory, np.uint8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormError(f"cannot map {path} into memory: {reason}; close other files and try again") from None


def views(
    file: BinaryIO, path: object, entries: Mapping[str, TensorEntry], *, copy_on_write: bool = False
) -> dict[str, NDArray[Any]]:
    """Tensors of an open file as views of one memory map, after ``check_codes``; errors and options as ``read``."""
    memory = _mapped(file, path, copy_on_write=copy_on_write)
    return {
        name: memory[entry.start : entry.stop].view(np.ndarray).view(_CODES[entry.code]).reshape(entry.shape)
        for name, entry in entries.items()
    }
