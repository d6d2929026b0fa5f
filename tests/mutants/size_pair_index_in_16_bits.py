"""Pairs are numbered in 16 bits, so that pairs from 65,536 on read the gates of the first ones."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-1", "independence"
BITES = Bite(sized(d_model=2, heads=4, d_key=2, num_experts=16**2, top_k=16, d_out=1), (1030,))


class Mutant(NumpyBackend):
    def output(self, r):
        pairs = np.arange(r.gates.size) % 65536
        gates = r.gates.reshape(-1)[pairs].reshape(r.gates.shape)
        return self.einsum("thk,thkm->tm", gates * r.weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
