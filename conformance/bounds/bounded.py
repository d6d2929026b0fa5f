"""A value in float64 together with the largest error that a legal backend may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Bounded", "given"]

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Bounded:
    """value ± error, both float64 of one shape; error is 0 where a legal backend must be exact.

    ``terms`` is the sum of the magnitudes of the terms of a sum. It is set where a legal backend may apply the next
    factor to each term instead of the sum.
    """

    value: Array
    error: Array
    terms: Array | None = None

    def __getitem__(self, key: Any) -> Bounded:
        return Bounded(self.value[key], self.error[key], None if self.terms is None else self.terms[key])

    def reshape(self, *shape: int) -> Bounded:
        """Both parts reshaped."""
        return Bounded(self.value.reshape(shape), self.error.reshape(shape))

    @property
    def reach(self) -> Array:
        """The largest magnitude that a legal backend may compute."""
        return np.asarray(np.abs(self.value) + self.error)

    @property
    def size(self) -> Array:
        """The sum of the magnitudes of the terms, or the reach of a value that is not a sum."""
        return self.reach if self.terms is None else np.maximum(self.terms, self.reach)


def given(value: Array, error: Array | float = 0.0) -> Bounded:
    """An exact value, which is the same for all backends, or a value with a known error."""
    value = np.asarray(value, np.float64)
    return Bounded(value, np.broadcast_to(np.asarray(error, np.float64), value.shape))
