"""Layer files: safetensors by parameter name, the configuration in the metadata (PAR-6, PAR-7, PAR-8)."""

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
from peerspec.files.header import Header, TensorEntry, read_header
from peerspec.files.tensors import DTYPE_OF_CODE
from peerspec.reference.config import PeerConfig
from peerspec.reference.dtypes import DTYPES, parameter_dtype
from peerspec.reference.errors import FileFormError
from peerspec.reference.file_metadata import configs_of, layer_metadata

__all__ = ["list_layers", "read", "write"]

_CODES = {code: dtype for code, dtype in DTYPE_OF_CODE.items() if dtype in DTYPES.values()}
_MAX_NDIM = 32  # what every version of NumPy can represent


def write(
    config: PeerConfig, params: Mapping[str, NDArray[Any]], path: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a layer to a temporary file, then rename it to ``path``; errors as ``Layer.save``."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileFormError(f"{path} exists; choose another path or pass overwrite=True")
    tensors = {name: np.ascontiguousarray(array) for name, array in params.items()}
    try:
        with AtomicFile(path) as file:
            save_file(tensors, file.name, metadata=layer_metadata(config))
            file.publish()
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormError(
            f"cannot write {path}: {reason}; choose a folder that can be written and has room"
        ) from None


def list_layers(path: str | PathLike[str]) -> dict[str, PeerConfig]:
    """The configuration of each layer of a safetensors file by its prefix; a layer file has the prefix "" (PAR-8).

    Only the metadata are read. ``Layer.load(path, prefix=prefix)`` reads a layer.

    Raises:
        FileFormError: the file is missing, unreadable, of another version, or describes no layer.
        ConfigError: a configuration is outside the specification.

    Example:
        >>> for prefix, config in list_layers("model.safetensors").items():  # doctest: +SKIP
        ...     print(prefix, config.num_experts)
    """
    return configs_of(_header(Path(path)).metadata, path)


def read(path: str | PathLike[str], prefix: str = "") -> tuple[PeerConfig, dict[str, NDArray[Any]]]:
    """The configuration and the parameters of a layer, as read-only memory maps; errors as ``Layer.load``."""
    path = Path(path)
    header = _header(path)
    configs = configs_of(header.metadata, path)
    if prefix not in configs:
        raise FileFormError(_no_such_layer(path, prefix, list(configs)))
    beginning = f"{prefix}." if prefix else ""
    params = {
        name.removeprefix(beginning): _map_tensor(path, name, entry)
        for name, entry in header.tensors.items()
        if name.startswith(beginning)
    }
    if header.metadata["peerspec.spec"] == "0.9":
        params = _statistics_in_compute_dtype(params)
    return configs[prefix], params


def _header(path: Path) -> Header:
    if not path.is_file():
        raise FileFormError(f"{path} is not a file; pass a layer written by Layer.save")
    try:
        return read_header(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise FileFormError(
            f"{path} is not a readable safetensors file ({error}); pass a complete layer file written by Layer.save"
        ) from None


def _no_such_layer(path: Path, prefix: str, known: list[str]) -> str:
    if known == [""]:
        return f"{path} is the file of one layer, without prefixes; leave out the prefix {prefix!r} (PAR-6)"
    listed = ", ".join(map(repr, known[:8])) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
    got = f"has no layer with the prefix {prefix!r}" if prefix else "holds layers with prefixes"
    return f"{path} {got}; pass one of prefix={listed} (PAR-8)"


def _statistics_in_compute_dtype(params: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A file of version 0.9 keeps the running statistics in the dtype of the other parameters; widening is exact."""
    dtypes = {array.dtype for array in params.values()}
    if len(dtypes) != 1:
        return params
    (dtype,) = dtypes
    return {name: array.astype(parameter_dtype(name, dtype), copy=False) for name, array in params.items()}


def _map_tensor(path: Path, name: str, entry: TensorEntry) -> NDArray[Any]:
    if entry.code not in _CODES:
        raise FileFormError(f"{path}: {name} has dtype {entry.code}; a layer holds {', '.join(_CODES)} (PAR-5)")
    if 0 in entry.shape:
        raise FileFormError(f"{path}: {name} is empty, shape {entry.shape}; no parameter of a layer is (PAR-1)")
    if len(entry.shape) > _MAX_NDIM:
        raise FileFormError(f"{path}: {name} has {len(entry.shape)} axes; no parameter of a layer has so many (PAR-1)")
    dtype = _CODES[entry.code]
    raw = np.memmap(path, np.uint8, "r", entry.start, (int(np.prod(entry.shape)) * dtype.itemsize,))
    return raw.view(dtype).reshape(entry.shape).view(np.ndarray)
