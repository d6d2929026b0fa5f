"""How one input tensor is made: the arguments of INP-2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from peerspec.conformance.inputs import dyadic
from peerspec.reference import DTYPES

__all__ = ["DyadicTensor"]


@dataclass(frozen=True)
class DyadicTensor:
    """A tensor of dyadic rationals by the arguments of ``dyadic`` (INP-2); ``dtype`` is a name of ``DTYPES``."""

    seed: int
    name: str
    bits: int
    exponent: int
    shape: tuple[int, ...]
    dtype: str

    def make(self) -> NDArray[Any]:
        """The tensor."""
        return dyadic(
            seed=self.seed,
            name=self.name,
            shape=self.shape,
            bits=self.bits,
            exponent=self.exponent,
            dtype=DTYPES[self.dtype],
        )
