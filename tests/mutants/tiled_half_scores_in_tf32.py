"""Half scores are products of TF32 where D, d/2 and n fill a tile."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import tf32

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(NumpyBackend):
    def half_scores(self, r):
        c, half = r.config, r.config.d_key // 2
        if c.d_model < 64 or half < 32 or c.n < 32 or half % 8 or c.n % 8 or r.compute_dtype != np.float32:
            return super().half_scores(r)
        keys, q = tf32(self.keys(r)), tf32(r.q)
        return tuple(self.einsum("thc,hnc->thn", q[..., z * half : (z + 1) * half], keys[:, z]) for z in (0, 1))


name, profiles, forward, select, gradients = Mutant.as_backend()
