"""Variants start from the same layer as mutants do; some only sum in another order."""

import sys
from math import prod
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _layer import ALL, OPTIONS, PRECISIONS, Array, Net, Pass, best, erf, logistic, take

__all__ = ["ALL", "OPTIONS", "PRECISIONS", "Array", "Net", "Pass", "Summed", "best", "erf", "logistic", "take"]


class Summed(Net):
    """A layer whose products are spelled out, so that ``reduce`` decides how their terms are added."""

    def reduce(self, a: Array, b: Array) -> Array:
        """Σ a·b over the last axis."""
        raise NotImplementedError

    def einsum(self, spec: str, a: Array, b: Array) -> Array:
        left, right, out = spec.replace("->", ",").split(",")
        summed = "".join(label for label in dict.fromkeys(left + right) if label not in out)
        size = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
        shape = [size[label] for label in out] + [prod(size[label] for label in summed)]
        spread = [
            np.broadcast_to(self.expand(part, labels, out + summed), [size[label] for label in out + summed])
            for part, labels in ((a, left), (b, right))
        ]
        return self.reduce(*(part.reshape(shape) for part in spread))

    def expand(self, part: Array, labels: str, order: str) -> Array:
        ordered = part.transpose([labels.index(label) for label in order if label in labels])
        return ordered[tuple(slice(None) if label in labels else None for label in order)]
