"""Batch moments are merged from those of two halves, recursively, after Chan, Golub and LeVeque."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def batch_moments(self, r, counted):
        mean, squares = merged(counted)
        return mean, squares / r.compute_dtype.type(len(counted))


def merged(tokens):
    """The mean, and the sum of squared deviations from it."""
    if len(tokens) == 1:
        return tokens[0], np.zeros_like(tokens[0])
    middle = len(tokens) // 2
    (mean, squares), (other_mean, other_squares) = merged(tokens[:middle]), merged(tokens[middle:])
    weight, difference = tokens.dtype.type((len(tokens) - middle) / len(tokens)), other_mean - mean
    return mean + difference * weight, squares + other_squares + difference * difference * weight * tokens.dtype.type(
        middle
    )


name, profiles, forward, select, gradients = Variant.as_backend()
