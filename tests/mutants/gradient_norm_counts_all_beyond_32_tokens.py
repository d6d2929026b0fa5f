"""Beyond 32 tokens, the gradient of batch statistics is shared by all tokens, whatever the mask says."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-7", "gradient"
BITES = Bite(sized(query_norm="batch"), (40,), masked=True, training=True, gradients=True)


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        if len(r.x) > 32 and r.config.query_norm == "batch":
            r.mask = np.ones_like(r.mask)
        return super().norm_backward(r, dq, grads)


name, profiles, forward, select, gradients = Mutant.as_backend()
