"""The path for h = 8, k = 16, d = 128 and D in tiles of 64 adds 15 experts of 16."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        c, weights = r.config, r.gates * r.weights
        if (c.heads, c.top_k, c.d_key, c.d_model % 64) == (8, 16, 128, 0):
            weights[..., -1] = 0
        return self.einsum("thk,thkm->tm", weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
