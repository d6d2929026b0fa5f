"""Sums of m terms have twice the error that is legal, up or down, wherever they round."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(NumpyBackend):
    def einsum(self, equation, a, b):
        left, right, out = equation.replace("->", ",").split(",")
        size = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
        terms = np.prod([size[label] for label in {*left, *right} - {*out}])
        sum_, wide = np.einsum(equation, a, b), np.einsum(equation, a.astype(np.longdouble), b.astype(np.longdouble))
        units = 2 * terms + 12 if a.dtype == np.float32 else terms
        worst = np.einsum(equation, np.abs(a), np.abs(b)) * (2 * units * np.finfo(a.dtype).eps / 2)
        up = np.where(np.random.default_rng(0).integers(0, 2, wide.shape), worst, -worst)
        return (wide + np.where(sum_ == wide, 0, up)).astype(a.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
