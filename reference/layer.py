"""A layer: a configuration and parameters that fit it."""

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
from peerspec.reference.initial import random_parameters
from peerspec.reference.validation import check_parameters

__all__ = ["Layer"]


@dataclass(frozen=True, eq=False)
class Layer:
    """A PEER layer as data: its parameters are checked once, here (PAR-1, PAR-3, PAR-5).

    Args:
        config: the configuration.
        params: finite arrays of one dtype of ``DTYPES``, with the names and shapes of ``config.shapes()``; running
            statistics have the compute dtype (``parameter_dtype``).

    Raises:
        TableError: a name, shape, dtype or value outside PAR-1, PAR-3, PAR-5.

    Example:
        >>> from peerspec.reference import Layer, PeerConfig
        >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
        >>> sorted(layer.params)
        ['experts.u', 'experts.v', 'keys', 'query.weight']
        >>> layer.params["experts.u"].shape
        (9, 4)
    """

    config: PeerConfig
    params: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        params = {name: np.asarray(array) for name, array in self.params.items()}
        check_parameters(self.config, params)
        object.__setattr__(self, "params", MappingProxyType({name: params[name] for name in self.config.shapes()}))

    def __reduce__(self) -> tuple[type[Layer], tuple[PeerConfig, dict[str, NDArray[Any]]]]:
        return Layer, (self.config, dict(self.params))

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the learned parameters."""
        return self.params["keys"].dtype

    @classmethod
    def random(cls, config: PeerConfig, *, seed: int = 0, dtype: DTypeLike = np.float32) -> Layer:
        """A new layer of random parameters, such that queries, scores and outputs are of order one.

        SPEC.md leaves initialisation open, as the paper does; it is not part of conformance.

        Example:
            >>> config = PeerConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4)
            >>> Layer.random(config).params["keys"].shape
            (1, 2, 3, 2)
        """
        return cls(config, random_parameters(config, seed, np.dtype(dtype)))

    @classmethod
    def load(cls, path: str | PathLike[str], *, prefix: str = "") -> Layer:
        """Open a layer file (PAR-6), or one layer of a model's file (PAR-8); tables are memory-mapped and read-only.

        Args:
            path: a safetensors file.
            prefix: the prefix of the layer in a file that holds several; ``list_layers`` shows them.

        Raises:
            FileFormError: the file is missing, unreadable, corrupted, of another version, or has no such layer.
            ConfigError, TableError: its configuration or its parameters are outside the specification.

        Example:
            >>> Layer.load("model.safetensors", prefix="blocks.3.ffn")  # doctest: +SKIP
        """
        config, params = storage.read(path, prefix)
        with storage.naming(path, prefix):
            return cls(config, params)

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write the layer file, whole or not at all (PAR-6).

        Raises:
            FileFormError: the path exists and ``overwrite`` is false, or cannot be written.
            TableError: an array was changed in place, and is no parameter any more.

        Example:
            >>> import tempfile
            >>> from pathlib import Path
            >>> layer = Layer.random(PeerConfig(d_model=4, heads=2, num_experts=9, top_k=2, d_key=4))
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     layer.save(Path(folder, "layer.safetensors"))
            ...     print(Layer.load(Path(folder, "layer.safetensors")).config == layer.config)
            True
        """
        storage.write(self.config, self.params, path, overwrite=overwrite)
