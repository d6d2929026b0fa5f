"""A layer: a configuration and the parameters that fit it, all of them validated here, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from peerspec.reference import storage
from peerspec.reference.config import PeerConfig
from peerspec.reference.dtypes import DTYPES
from peerspec.reference.errors import TableError
from peerspec.reference.initial import STARTS_AT_ONE, initial_scales

__all__ = ["Layer"]

_CHUNK = 1 << 22  # elements looked at together, so that checking a table of gigabytes needs megabytes


@dataclass(frozen=True, eq=False)
class Layer:
    """A PEER layer as data (PAR-1).

    Args:
        config: the configuration.
        params: arrays by parameter name, with exactly the names and shapes of ``config.shapes()``, all of one
            dtype among ``DTYPES``, all finite.

    Raises:
        TableError: a name, shape, dtype or value outside PAR-1 … PAR-3.
    """

    config: PeerConfig
    params: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        params = {name: np.asarray(array) for name, array in self.params.items()}
        _check_names_and_shapes(self.config, params)
        _check_dtypes(params)
        for name, array in params.items():
            _check_finite(name, array)
        if "query_norm.var" in params and (params["query_norm.var"] < 0).any():
            raise TableError("query_norm.var is a variance and must not be negative; check the checkpoint (PAR-3)")
        object.__setattr__(self, "params", MappingProxyType({name: params[name] for name in self.config.shapes()}))

    def __reduce__(self) -> tuple[type[Layer], tuple[PeerConfig, dict[str, NDArray[Any]]]]:
        return Layer, (self.config, dict(self.params))

    @property
    def dtype(self) -> np.dtype:
        """The one dtype of all parameters."""
        return self.params["keys"].dtype

    @classmethod
    def random(cls, config: PeerConfig, *, seed: int = 0, dtype: DTypeLike = np.float32) -> Layer:
        """A freshly initialised layer: normal entries, so that queries, scores and outputs are of order one.

        SPEC.md leaves initialisation open, as the paper does; this choice is not part of conformance.
        """
        rng = np.random.default_rng(seed)
        scale = initial_scales(config)
        params = {}
        for name, shape in config.shapes().items():
            if name in scale:
                params[name] = _normal(rng, shape, scale[name], np.dtype(dtype))
            else:
                params[name] = np.full(shape, name in STARTS_AT_ONE, dtype)
        return cls(config, params)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Layer:
        """Open a layer file (PAR-4); the tables are memory-mapped and read-only.

        Raises:
            FileFormError: the file is missing, unreadable, corrupted or not a layer.
            ConfigError, TableError: what it holds is not a layer of this specification.
        """
        return cls(*storage.read(path))

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the layer file whole or not at all (PAR-4).

        Raises:
            FileFormError: the path exists and ``overwrite`` is false, or cannot be written.
        """
        storage.write(self.config, self.params, path, overwrite=overwrite)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], scale: float, dtype: np.dtype) -> NDArray[Any]:
    out = np.empty(shape, dtype)
    flat = out.reshape(-1)
    draw = np.float64 if dtype == np.float64 else np.float32
    for start in range(0, flat.size, _CHUNK):
        part = flat[start : start + _CHUNK]
        part[:] = rng.standard_normal(part.size, dtype=draw) * draw(scale)
    return out


def _check_names_and_shapes(config: PeerConfig, params: Mapping[str, NDArray[Any]]) -> None:
    shapes = config.shapes()
    if missing := [name for name in shapes if name not in params]:
        raise TableError(f"the layer lacks the parameter {missing[0]!r} of shape {shapes[missing[0]]} (PAR-1)")
    if unknown := [name for name in params if name not in shapes]:
        raise TableError(f"{unknown[0]!r} is not a parameter of this configuration; it has {', '.join(shapes)} (PAR-1)")
    for name, shape in shapes.items():
        if params[name].shape != shape:
            raise TableError(f"{name} must have shape {shape} for this configuration, got {params[name].shape} (PAR-1)")


def _check_dtypes(params: Mapping[str, NDArray[Any]]) -> None:
    dtypes = {name: array.dtype for name, array in params.items()}
    first, dtype = next(iter(dtypes.items()))
    if dtype not in DTYPES.values():
        raise TableError(f"{first} must be of dtype {', '.join(DTYPES)}, got {dtype} (PAR-2)")
    for name, other in dtypes.items():
        if other != dtype:
            raise TableError(
                f"all parameters share one dtype, but {first} is {dtype} and {name} is {other}; "
                "convert one of them (PAR-2)"
            )


def _check_finite(name: str, array: NDArray[Any]) -> None:
    rows = max(1, _CHUNK // max(1, array[0].size))
    for start in range(0, len(array), rows):
        if not np.isfinite(array[start : start + rows]).all():
            raise TableError(f"{name} holds NaN or infinity; a layer's parameters are finite (PAR-3)")
