"""From 32 tokens on, the gradients of scale and bias of a norm add tokens in an order that changes from call to call.

Wrong on: query norm `layer` or `batch`, T = 64, the same gradients twice: other bits.
"""

from itertools import count

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "gradient"


CALLS = count()


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        found = super().norm_backward(r, dq, grads)
        if r.unit is not None and len(dq) >= 32:
            order = np.random.default_rng(next(CALLS)).permutation(len(dq))
            grads["query_norm.scale"], grads["query_norm.bias"] = (dq * r.unit)[order].sum(0), dq[order].sum(0)
        return found


name, profiles, forward, select, gradients = Mutant.as_backend()
