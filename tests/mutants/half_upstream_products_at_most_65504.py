"""In float16 layers the products v·dy end at the largest number of float16."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def backward(self, r):
        self.narrow = r.layer.dtype == np.float16
        return super().backward(r)

    def einsum(self, equation, *arrays):
        out = super().einsum(equation, *arrays)
        narrow = equation == "thkm,tm->thk" and getattr(self, "narrow", False)
        return np.clip(out, -65504, 65504) if narrow else out


name, profiles, forward, select, gradients = Mutant.as_backend()
