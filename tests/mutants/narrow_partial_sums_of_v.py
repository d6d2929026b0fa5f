"""In mixed precision, the gradient of v adds parts of 24 tokens that are stored in the dtype of x."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, through

CLAUSE, STAGE = "PRC-2", "gradient"
BITES = Bite(lead=(40,), precision="mixed-bfloat16", gradients=True)


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name != "v" or r.input_dtype == r.layer.dtype or len(rows) < 24:
            return super().scatter_sum(r, name, weights, rows)
        chunk = np.arange(len(rows)) // 24
        parts = (super(Mutant, self).scatter_sum(r, name, weights, rows * (chunk == c)[:, None]) for c in set(chunk))
        return np.sum([through(part, r.input_dtype) for part in parts], 0)


name, profiles, forward, select, gradients = Mutant.as_backend()
