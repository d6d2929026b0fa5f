"""Every stage flushes subnormal numbers to zero."""

import ml_dtypes
import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def einsum(self, equation, a, b):
        return flush(np.einsum(equation, flush(a), flush(b)))

    def softmax(self, scores):
        return flush(super().softmax(flush(scores)))

    def activate(self, kind, a):
        return flush(super().activate(kind, flush(a)))

    def answer(self, r, lead):
        y = r.y.astype(r.input_dtype)
        r.y = np.where(np.abs(y) < ml_dtypes.finfo(y.dtype).tiny, y.dtype.type(0), y)
        return super().answer(r, lead)


def flush(a):
    return np.where(np.abs(a) < np.finfo(a.dtype).tiny, a.dtype.type(0), a)


name, profiles, forward, select, gradients = Variant.as_backend()
