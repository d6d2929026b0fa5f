"""Variants start from the same backend as mutants; some only change the order of sums."""

import sys
from math import prod
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _numpy_backend import ALL, NumpyBackend
from _numpy_functions import Array, erf, logistic, stable_topk, take

__all__ = ["ALL", "NumpyBackend", "Summed", "erf", "logistic", "stable_topk", "take"]


class Summed(NumpyBackend):
    """A backend whose einsums multiply explicitly, so that ``reduce`` decides how terms are added."""

    def reduce(self, a: Array, b: Array) -> Array:
        """Σ a·b over the last axis."""
        raise NotImplementedError

    def einsum(self, equation: str, a: Array, b: Array) -> Array:
        left, right, out = equation.replace("->", ",").split(",")
        summed = "".join(label for label in dict.fromkeys(left + right) if label not in out)
        size = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
        shape = [size[label] for label in out] + [prod(size[label] for label in summed)]
        expanded = [
            np.broadcast_to(self.expand(part, labels, out + summed), [size[label] for label in out + summed])
            for part, labels in ((a, left), (b, right))
        ]
        return self.reduce(*(part.reshape(shape) for part in expanded))

    def expand(self, part: Array, labels: str, order: str) -> Array:
        ordered = part.transpose([labels.index(label) for label in order if label in labels])
        return ordered[tuple(slice(None) if label in labels else None for label in order)]
