"""A case: one layer and one input, regenerable from its name, its seed and its precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import log2, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.conformance.inputs import dyadic, significant_bits
from peerspec.reference import Layer, PeerConfig

__all__ = ["Case", "CaseSpec", "Draw", "balanced_exponent"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Case:
    """What a backend is asked.

    Attributes:
        name: the name of its ``CaseSpec``.
        exact: whether all sums up to scores and inner products are exact in every compute dtype (PRC-5).
        layer, x, mask, training: the arguments of ``forward``.
        dy: the upstream gradient, for cases of the profile ``training``.
    """

    name: str
    exact: bool
    layer: Layer
    x: Array
    mask: Array | None = None
    training: bool = False
    dy: Array | None = None


@dataclass(frozen=True)
class Draw:
    """The spec-defined source of a case's tensors: names are ``<case>/<tensor>`` (INP-1, INP-2)."""

    case: str
    seed: int
    dtype: np.dtype[Any]

    def full(self, name: str, shape: tuple[int, ...], exponent: int = 0) -> Array:
        """Entries with the full significand of the format, in [−2^exponent, 2^exponent)."""
        return self.coarse(name, shape, significant_bits(self.dtype), exponent)

    def coarse(self, name: str, shape: tuple[int, ...], bits: int, exponent: int) -> Array:
        """Entries with few bits, so that sums of products stay exact."""
        name = f"{self.case}/{name}"
        return dyadic(seed=self.seed, name=name, shape=shape, bits=bits, exponent=exponent, dtype=self.dtype)


@dataclass(frozen=True)
class CaseSpec:
    """How to build a case, and where it is used.

    Attributes:
        name: unique, ``<lane>.<what>``.
        config: the configuration, known without building.
        build: makes the case from a source of tensors.
        tags: the checks that use it, by their tag.
        profiles: profiles a backend must claim to be asked.
        size: the smallest size that includes it: 0 minimal, 1 default, 2 full.
        everywhere: the smallest size that runs it in every precision, not only in the first one claimed.
        narrow: the same for the first 16-bit precision, where a rounding to the format of the input shows.
    """

    name: str
    config: PeerConfig
    build: Callable[[Draw, PeerConfig], dict[str, Any]]
    tags: frozenset[str]
    profiles: frozenset[str] = field(default=frozenset())
    size: int = 0
    everywhere: int = 2
    narrow: int = 2

    def make(self, dtype: np.dtype[Any], seed: int) -> Case:
        """Build the case for one precision and seed."""
        parts = self.build(Draw(self.name, seed, dtype), self.config)
        layer = Layer(self.config, parts.pop("params"))
        return Case(self.name, self.name.startswith("exact."), layer, **parts)


def balanced_exponent(width: int) -> int:
    """The exponent that gives an inner product of ``width`` uniform pairs a deviation near one."""
    return -round(log2(max(1.0, sqrt(width) / 3)))
