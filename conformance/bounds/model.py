"""The model of arithmetic of PRC-4 and its constants, each derived or measured on libraries.

Constants are errors of a result in units of u, whatever formula computes it. CUDA documents at most 2 ulp (4u) for
expf and erff, 2 ulp for tanhf, 1 ulp for logf and 2 ulp for division. NumPy, XLA, torch and ONNX Runtime on CPU reach
at most half of each constant, two thirds of DIVIDE for the reciprocal square root;
``tests/conformance/test_library_accuracy.py`` measures them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log1p
from typing import Any

import numpy as np

from peerspec.conformance.inputs import significant_bits
from peerspec.reference import compute_dtype

__all__ = ["DIVIDE", "EXP", "FUNCTION", "LARGEST", "LOG", "PARTS", "TRUNCATE", "U_REFERENCE", "Model", "model_for"]

EXP = 8.0
"""exp, relative, in u."""
FUNCTION = 16.0
"""erf, tanh and the logistic function, relative to 1, in u."""
LOG = 8.0
"""The logarithm of a sum of exponentials, relative, in u."""
DIVIDE = 4.0
"""Division, square root and its reciprocal, relative, in u."""
PARTS = 12.0
"""A product of two numbers of binary32 that are split into parts of fewer bits, relative, in u."""
TRUNCATE = 2.0
"""An addition that drops bits instead of rounding to nearest, relative, in u."""
U_REFERENCE = 2.0**-53
"""The unit roundoff of the reference, whose own rounding is added to every bound."""

LEAST_NORMAL = {"float64": 2.0**-1022, "float32": 2.0**-126, "bfloat16": 2.0**-126, "float16": 2.0**-14}
"""The least normal number of each dtype."""
LARGEST = {
    "float64": (2 - 2.0**-52) * 2.0**1023,
    "float32": (2 - 2.0**-23) * 2.0**127,
    "bfloat16": (2 - 2.0**-7) * 2.0**127,
    "float16": (2 - 2.0**-10) * 2.0**15,
}
"""The largest number of each dtype."""


@dataclass(frozen=True)
class Model:
    """The largest errors of one operation of a backend.

    Attributes:
        u: unit roundoff of the compute dtype, 0 where a stage is exact (PRC-5).
        matrix_units: whether inner products may come from matrix units, which multiply numbers in parts of fewer bits
            and truncate their sums: in binary32.
        tiny: least normal number of the compute dtype, the error of an underflow; 0 where a stage is exact.
        u_in: unit roundoff of the dtype in which a result is returned, that of the input except for gradients of
            parameters.
        tiny_in: its least normal number.
        largest_in: its largest number.
    """

    u: float
    matrix_units: bool
    tiny: float
    u_in: float
    tiny_in: float
    largest_in: float

    @property
    def step(self) -> float:
        """The relative error of one operation of the backend plus that of the reference."""
        return self.u + U_REFERENCE if self.u else 0.0

    def gamma(self, terms: Any) -> Any:
        """γ_m = (1 − u)⁻ᵐ − 1 for a sum of m terms: that of the backend plus that of the reference; elementwise."""
        return self._roundings(self.u, terms)

    def tau(self, terms: Any) -> Any:
        """τ_m, the error of adding m products: γ_m with 2u for u where an addition may truncate; elementwise."""
        return self._roundings(TRUNCATE * self.u if self.matrix_units else self.u, terms)

    def product(self, terms: Any) -> Any:
        """π_m for an inner product of m terms: τ_m, and what each product loses if it is made of parts; elementwise."""
        tau = self.tau(terms)
        return tau + (1 + tau) * (PARTS * self.u if self.matrix_units else 0.0)

    def _roundings(self, u: float, terms: Any) -> Any:
        if not self.u:
            return 0.0
        return sum(np.expm1(-np.asarray(terms, float) * log1p(-each)) for each in (u, U_REFERENCE))

    def exact(self) -> Model:
        """The model with the same dtype of results in which every operation is exact."""
        return replace(self, u=0.0, tiny=0.0)

    def returning(self, dtype: np.dtype) -> Model:
        """The same arithmetic with results in ``dtype``."""
        u_in, tiny_in, largest_in = 2.0 ** -significant_bits(dtype), LEAST_NORMAL[dtype.name], LARGEST[dtype.name]
        return replace(self, u_in=u_in, tiny_in=tiny_in, largest_in=largest_in)


def model_for(dtype: np.dtype) -> Model:
    """The model for parameters of ``dtype``, with results in the same dtype (SPEC.md, chapter 7)."""
    wide = compute_dtype(dtype)
    u, tiny = 2.0 ** -significant_bits(wide), LEAST_NORMAL[wide.name]
    return Model(u, wide.name == "float32", tiny, u, tiny, LARGEST[wide.name]).returning(dtype)
