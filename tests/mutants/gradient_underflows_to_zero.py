"""Gradients below 2⁻⁶ are set to zero."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def backward(self, r):
        return {
            name: np.where(np.abs(grad) < 2.0**-6, 0, grad).astype(r.compute_dtype)
            for name, grad in super().backward(r).items()
        }


name, profiles, forward, select, gradients = Mutant.as_backend()
