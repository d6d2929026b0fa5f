"""The file form of a layer: safetensors by parameter name, the configuration in the metadata (PAR-6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from peerspec.files.atomic_file import AtomicFile
from peerspec.files.tensors import DTYPE_OF_CODE
from peerspec.reference.config import PeerConfig
from peerspec.reference.dtypes import DTYPES
from peerspec.reference.errors import ConfigError, FileFormError
from peerspec.reference.version import SPEC_VERSION

__all__ = ["read", "write"]

_CODES = {code: dtype for code, dtype in DTYPE_OF_CODE.items() if dtype in DTYPES.values()}
_MAX_NDIM = 32  # what every version of NumPy can represent


def write(
    config: PeerConfig, params: Mapping[str, NDArray[Any]], path: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a layer to a temporary file, then rename it to ``path``; errors as ``Layer.save``."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileFormError(f"{path} exists; choose another path or pass overwrite=True")
    metadata = {"peerspec.spec": SPEC_VERSION, "peerspec.config": config.to_json()}
    tensors = {name: np.ascontiguousarray(array) for name, array in params.items()}
    try:
        with AtomicFile(path) as file:
            save_file(tensors, file.name, metadata=metadata)
            file.publish()
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileFormError(
            f"cannot write {path}: {reason}; choose a folder that can be written and has room"
        ) from None


def read(path: str | PathLike[str]) -> tuple[PeerConfig, dict[str, NDArray[Any]]]:
    """The configuration and the parameters of a layer file, as read-only memory maps; errors as ``Layer.load``."""
    path = Path(path)
    if not path.is_file():
        raise FileFormError(f"{path} is not a file; pass a layer written by Layer.save")
    try:
        with safe_open(path, framework="numpy") as file:  # checks the header, the offsets and the length of the file
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise FileFormError(
            f"{path} is not a readable safetensors file ({error}); pass a complete layer file written by Layer.save"
        ) from None
    if "peerspec.config" not in metadata or "peerspec.spec" not in metadata:
        raise FileFormError(
            f"{path} is a safetensors file without a peerspec configuration in its metadata; "
            "build a Layer(config, params) from its tensors and save that"
        )
    if metadata["peerspec.spec"].split(".")[0] != SPEC_VERSION.split(".")[0]:
        raise FileFormError(
            f"{path} was written for spec {metadata['peerspec.spec']}, this package reads {SPEC_VERSION}; "
            "install a matching peerspec"
        )
    try:
        config = PeerConfig.from_json(metadata["peerspec.config"])
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return config, _map_tensors(path)


def _map_tensors(path: Path) -> dict[str, NDArray[Any]]:
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return {name: _map_tensor(path, name, entry, 8 + length) for name, entry in header.items()}


def _map_tensor(path: Path, name: str, entry: dict[str, Any], base: int) -> NDArray[Any]:
    if entry["dtype"] not in _CODES:
        raise FileFormError(f"{path}: {name} has dtype {entry['dtype']}; a layer holds {', '.join(_CODES)} (PAR-5)")
    shape = tuple(entry["shape"])
    if 0 in shape:
        raise FileFormError(f"{path}: {name} is empty, shape {shape}; no parameter of a layer is (PAR-1)")
    if len(shape) > _MAX_NDIM:
        raise FileFormError(f"{path}: {name} has {len(shape)} axes; no parameter of a layer has so many (PAR-1)")
    dtype = _CODES[entry["dtype"]]
    raw = np.memmap(path, np.uint8, "r", base + entry["data_offsets"][0], (int(np.prod(shape)) * dtype.itemsize,))
    return raw.view(dtype).reshape(shape).view(np.ndarray)
