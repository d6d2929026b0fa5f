"""A block of 128 threads, one per pair, serves the first 128 of the h·k pairs of a token."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(Net):
    def output(self, r):
        flat = r.gates.reshape(len(r.x), r.config.heads * r.config.top_k)
        flat = np.where(np.arange(flat.shape[1]) < 128, flat, 0).astype(r.compute_dtype)
        return self.einsum("thk,thkm->tm", flat.reshape(r.gates.shape) * r.weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.parts()
