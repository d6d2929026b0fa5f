"""The backward pass of the batch norm counts the counted tokens in 8 bits, as a sum of a mask in its own dtype does.

Wrong on: query norm `batch`, training, gradients, T = 130.
"""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        count = int(r.mask.sum())
        if r.unit is None or r.config.query_norm != "batch" or not r.training or count < 128:
            return super().norm_backward(r, dq, grads)
        plain = super().norm_backward(r, dq, grads)
        dunit = dq * r.params["query_norm.scale"]
        wrapped = np.array(count).astype(np.int8)
        shared = dunit / r.std - plain  # what the statistics subtract
        return dunit / r.std - shared * r.compute_dtype.type(count / wrapped if wrapped else 0)


name, profiles, forward, select, gradients = Mutant.as_backend()
