"""A layer of chapter 15: a configuration and parameters that fit it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from peerspec.reference.comparison.config import ComparisonConfig
from peerspec.reference.comparison.initial import random_parameters
from peerspec.reference.comparison.validation import check_parameters, learned_dtype

__all__ = ["ComparisonLayer"]


@dataclass(frozen=True, eq=False)
class ComparisonLayer:
    """A layer that PEER is compared with, as data: its parameters are checked once, here (CMP-3).

    Args:
        config: the configuration of a dense block, a mixture of experts or a product-key memory.
        params: finite arrays of one dtype of ``DTYPES``, with the names and shapes of ``config.shapes()``; running
            statistics have the compute dtype.

    Raises:
        TableError: a name, shape, dtype or value outside CMP-3.

    Example:
        >>> from peerspec.reference.comparison import DenseConfig
        >>> layer = ComparisonLayer.random(DenseConfig(d_model=4, d_hidden=8))
        >>> sorted(layer.params)
        ['u', 'v']
    """

    config: ComparisonConfig
    params: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        params = {name: np.asarray(array) for name, array in self.params.items()}
        check_parameters(self.config, params)
        object.__setattr__(self, "params", MappingProxyType({name: params[name] for name in self.config.shapes()}))

    def __reduce__(self) -> tuple[type[ComparisonLayer], tuple[ComparisonConfig, dict[str, NDArray[Any]]]]:
        return ComparisonLayer, (self.config, dict(self.params))

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the learned parameters."""
        return learned_dtype(self.params)

    @classmethod
    def random(cls, config: ComparisonConfig, *, seed: int = 0, dtype: DTypeLike = np.float32) -> ComparisonLayer:
        """A new layer of random parameters, such that outputs are of order one; see ``initial_scales``.

        Example:
            >>> from peerspec.reference.comparison import PKMConfig
            >>> config = PKMConfig(d_model=4, heads=1, num_experts=9, top_k=2, d_key=4)
            >>> ComparisonLayer.random(config).params["keys"].shape
            (1, 2, 3, 2)
        """
        return cls(config, random_parameters(config, seed, np.dtype(dtype)))
