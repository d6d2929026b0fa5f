"""Batch moments of two halves of the tokens, each found so in turn, are merged, after Chan, Golub and LeVeque."""

import numpy as np
from _base import Net


class Variant(Net):
    def batch_moments(self, r, counted):
        mean, spread = merged(counted)
        return mean, spread / r.compute_dtype.type(len(counted))


def merged(tokens):
    """The mean, and the sum of squared deviations from it."""
    if len(tokens) == 1:
        return tokens[0], np.zeros_like(tokens[0])
    middle = len(tokens) // 2
    (mean, spread), (other, others) = merged(tokens[:middle]), merged(tokens[middle:])
    share, off = tokens.dtype.type((len(tokens) - middle) / len(tokens)), other - mean
    return mean + off * share, spread + others + off * off * share * tokens.dtype.type(middle)


name, profiles, forward, select, gradients = Variant.parts()
