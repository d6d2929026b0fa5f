"""Each stage accumulates in float64, or in extended precision, and rounds its result to the compute dtype."""

import numpy as np
from _base import NumpyBackend


def wide(dtype):
    return np.float64 if dtype == np.float32 else np.longdouble


class Variant(NumpyBackend):
    def einsum(self, equation, a, b):
        return np.einsum(equation, a.astype(wide(a.dtype)), b.astype(wide(b.dtype))).astype(a.dtype)

    def softmax(self, scores):
        return super().softmax(scores.astype(wide(scores.dtype))).astype(scores.dtype)

    def batch_moments(self, r, counted):
        mean, var = super().batch_moments(r, counted.astype(wide(counted.dtype)))
        return mean.astype(counted.dtype), var.astype(counted.dtype)

    def scatter_sum(self, r, name, weights, rows):
        out = np.zeros(r.params[f"experts.{name}"].shape, wide(rows.dtype))
        np.add.at(out, r.ids, weights[..., None].astype(out.dtype) * rows[:, None, None, :])
        return out.astype(r.compute_dtype)


name, profiles, forward, select, gradients = Variant.as_backend()
