"""With more than 56 pairs, y is summed pair by pair in the input dtype."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-2", "accumulation"
BITES = Bite(sized(heads=6, top_k=12, num_experts=13**2), precision="bfloat16")


class Mutant(NumpyBackend):
    def output(self, r):
        c = r.config
        if c.heads * c.top_k <= 56:
            return super().output(r)
        terms = (r.gates * r.weights)[..., None] * r.params["experts.v"][r.ids]
        y = np.zeros((len(r.x), c.d_out), r.input_dtype)
        for term in np.moveaxis(terms.reshape(len(r.x), -1, c.d_out), 1, 0):
            y = (y + term).astype(r.input_dtype)
        return y.astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
