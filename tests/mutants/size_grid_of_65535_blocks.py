"""One block computes one token of one head, and blocks beyond the limit of 65,535 never run."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "OUT-1", "accumulation"
BITES = Bite(sized(d_model=2, heads=8, d_key=2, num_experts=9, top_k=1, d_out=1), (8200,))


class Mutant(NumpyBackend):
    def output(self, r):
        blocks = np.arange(r.ids[..., 0].size).reshape(r.ids.shape[:-1])
        weights = r.gates * r.weights * (blocks < 65535)[..., None]
        return self.einsum("thk,thkm->tm", weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
