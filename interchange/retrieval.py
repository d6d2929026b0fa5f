"""The retrieval of a layer without its experts: what a product-key memory shares with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.reference import Layer, PeerConfig
from peerspec.reference.validation import check_shapes, check_values

__all__ = ["Retrieval"]

_OF_EXPERTS = ("d_out", "activation", "expert")
"""The fields of a configuration that belong to the experts."""


@dataclass(frozen=True, eq=False)
class Retrieval:
    """Query maps, query norm and sub-keys: what selects experts and weighs them, without the experts.

    Args:
        fields: the fields of ``PeerConfig`` without ``d_out``, ``activation`` and ``expert``.
        params: the parameters of PAR-1 without ``experts.u``, ``experts.v`` and ``experts.w``.

    Raises:
        ConfigError: a field outside CFG-1 … CFG-5.
        TableError: a name, shape or value outside PAR-1 and PAR-3.

    Example:
        >>> layer = Layer.random(PeerConfig(4, 2, 9, 2, 4))
        >>> retrieval = Retrieval.of(layer)
        >>> sorted(retrieval.params)
        ['keys', 'query.weight']
        >>> experts = {name: layer.params[name] for name in ("experts.u", "experts.v")}
        >>> retrieval.with_experts(experts, activation="gelu").config == layer.config
        True
    """

    fields: Mapping[str, Any]
    params: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        params = {name: np.asarray(array) for name, array in self.params.items()}
        config = PeerConfig(**self.fields)
        table = (config.num_experts, config.d_model)
        check_shapes(config, {name: a.shape for name, a in params.items()} | {"experts.u": table, "experts.v": table})
        check_values(params)
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))
        object.__setattr__(self, "params", MappingProxyType(params))

    @classmethod
    def of(cls, layer: Layer) -> Retrieval:
        """The retrieval of a layer."""
        fields = {name: value for name, value in asdict(layer.config).items() if name not in _OF_EXPERTS}
        return cls(fields, {name: array for name, array in layer.params.items() if not name.startswith("experts.")})

    def with_experts(self, experts: Mapping[str, NDArray[Any]], *, activation: str) -> Layer:
        """A layer with this retrieval.

        Args:
            experts: ``experts.u`` [N, D] and ``experts.v`` [N, M], and with experts ``glu`` also ``experts.w`` [N, D].
            activation: that of the experts.

        Raises:
            ConfigError, TableError: what results is no layer.
        """
        kind = "glu" if "experts.w" in experts else "mlp"
        d_out = experts["experts.v"].shape[-1] if "experts.v" in experts else self.fields["d_model"]
        config = PeerConfig(**self.fields, d_out=d_out, activation=activation, expert=kind)
        return Layer(config, {**self.params, **experts})
