"""Contributions of pairs to one sub-key overwrite each other instead of adding up."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        head, half = np.arange(r.config.heads)[:, None], r.config.d_key // 2
        for side, row in enumerate(np.divmod(r.ids, r.config.n)):
            terms = dscores[..., None] * r.q[:, :, None, side * half : (side + 1) * half]
            dkeys[head if r.config.key_heads > 1 else 0 * head, side, row] = terms
        return dkeys, dq


name, profiles, forward, select, gradients = Mutant.as_backend()
