"""A case: one layer and one input, or one pair of half scores, regenerable from its name, seed and precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import log2, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peerspec.conformance.cases.layouts import like
from peerspec.conformance.inputs import dyadic, rounded, significant_bits
from peerspec.reference import Layer, PeerConfig, Precision, parameter_dtype
from peerspec.reference.comparison import ComparisonLayer

__all__ = ["Case", "CaseDefinition", "CaseFamily", "ComparisonCase", "Draw", "Halves", "Subject", "balanced_exponent"]

Array = NDArray[Any]


class CaseFamily(StrEnum):
    """The first part of the name of a case that runs a whole layer."""

    EXACT = "exact"
    NUMERIC = "numeric"
    SHAPE = "shape"
    FINITE = "finite"
    METAMORPHIC = "meta"
    QUERY_NORM = "norm"
    GRADIENT = "gradient"
    GROWTH = "growth"
    TRAINABLE = "trainable"
    ADAPTER = "adapter"


@dataclass(frozen=True, eq=False)
class Case:
    """A layer and its input.

    Attributes:
        name: the name of its ``CaseDefinition``.
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

    @property
    def frozen(self) -> bool:
        """Whether its gradients are those with frozen statistics (GRD-9)."""
        return self.layer.config.query_norm == "batch" and not self.training


@dataclass(frozen=True, eq=False)
class Halves:
    """The arguments of ``select``: half scores [..., n] twice, and k; ``name`` is that of their ``SelectionCase``."""

    name: str
    scores1: Array
    scores2: Array
    k: int


@dataclass(frozen=True, eq=False)
class ComparisonCase:
    """A layer of chapter 15 and its input.

    Attributes:
        name: the name of its ``ComparisonDefinition``.
        exact: whether logits or scores, and inner products, are exact in every compute dtype (PRC-5).
        layer, x, mask, training: the arguments of ``comparison``.
        dy: the upstream gradient, if gradients are judged, too.
    """

    name: str
    exact: bool
    layer: ComparisonLayer
    x: Array
    mask: Array | None = None
    training: bool = False
    dy: Array | None = None


Subject = Case | Halves | ComparisonCase
"""What a trial is made of."""


@dataclass(frozen=True)
class Draw:
    """The source of a case's tensors as SPEC.md defines it: names are ``<case>/<tensor>`` (INP-1, INP-2)."""

    case: str
    seed: int
    dtype: np.dtype[Any]

    def full(self, name: str, shape: tuple[int, ...], exponent: int = 0) -> Array:
        """Entries with the full significand of the dtype, in [−2^exponent, 2^exponent)."""
        return self.coarse(name, shape, significant_bits(self.dtype), exponent)

    def coarse(self, name: str, shape: tuple[int, ...], bits: int, exponent: int) -> Array:
        """Entries with few bits, so that sums of products stay exact."""
        name = f"{self.case}/{name}"
        return dyadic(seed=self.seed, name=name, shape=shape, bits=bits, exponent=exponent, dtype=self.dtype)

    def of(self, parameter: str) -> Draw:
        """The same source in the dtype of a parameter of a layer of this dtype (PAR-5)."""
        return replace(self, dtype=parameter_dtype(parameter, self.dtype))


@dataclass(frozen=True)
class CaseDefinition:
    """How a case is built, and where it is used.

    Attributes:
        family: the case family.
        label: the rest of the name, which is ``<family>.<label>``.
        config: the configuration, known without building.
        build: makes the parts of the case from a source of tensors.
        tags: the tags of the checks that use it.
        profiles: the profiles that a backend must claim.
        size: the smallest size that includes it: 0 minimal, 1 default, 2 full.
        everywhere: the smallest size that runs it in every precision and not only in the first one claimed.
        narrow: the same for the precisions with tokens of 16 bits, which show a rounding to the input dtype.
        own_activation: whether it is about its activation, so that no other may stand for it if it is declined.
    """

    family: CaseFamily
    label: str
    config: PeerConfig
    build: Callable[[Draw, PeerConfig], dict[str, Any]]
    tags: frozenset[str]
    profiles: frozenset[str] = field(default=frozenset())
    size: int = 0
    everywhere: int = 2
    narrow: int = 2
    own_activation: bool = False

    @property
    def name(self) -> str:
        """The unique name."""
        return f"{self.family}.{self.label}"

    @property
    def exact(self) -> bool:
        """Whether its sums are exact (PRC-5)."""
        return self.family is CaseFamily.EXACT

    def make(self, precision: Precision, seed: int) -> Case:
        """Build the case for one precision and one seed: in the dtype of the parameters, then x and dy are rounded."""
        parts = self.build(Draw(self.name, seed, precision.parameters), self.config)
        layer = Layer(self.config, parts.pop("params"))
        parts |= {name: _rounded(parts[name], precision.input) for name in ("x", "dy") if name in parts}
        return Case(self.name, self.exact, layer, **parts)


def _rounded(array: Array, dtype: np.dtype[Any]) -> Array:
    return array if array.dtype == dtype else like(array, rounded(array, dtype))


def balanced_exponent(width: int) -> int:
    """The exponent that gives an inner product of ``width`` uniform pairs a deviation near one."""
    return -round(log2(max(1.0, sqrt(width) / 3)))
