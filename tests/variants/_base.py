"""Variants start from the same backend as mutants; some only change the order of sums."""

import sys
from collections.abc import Callable
from math import prod
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _numpy_backend import ALL, NumpyBackend
from _numpy_functions import Array, erf, logistic, stable_topk, take, tf32

Top = Callable[[Array, int], Array]

__all__ = ["ALL", "NumpyBackend", "Summed", "erf", "logistic", "selection_by", "stable_topk", "take", "tf32"]


def selection_by(top: Top, s1: Array, s2: Array, k: int, last: Top = stable_topk) -> tuple[Array, Array]:
    """Scores and ids of the k best pairs of sub-keys that ``top`` finds in each half; ``last`` ranks the pairs."""
    n = s1.shape[-1]
    first, second = top(s1, min(k, n)), top(s2, min(k, n))
    grid = (*s1.shape[:-1], first.shape[-1] * second.shape[-1])
    total = (take(s1, first)[..., :, None] + take(s2, second)[..., None, :]).reshape(grid)
    cells = last(total, k)
    ids = (first[..., :, None] * n + second[..., None, :]).reshape(grid)
    return take(total, cells), take(ids, cells)


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
