"""The gradient of W is a product of TF32 from 512 tokens of 64 features on."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import tf32

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        dq = super().norm_backward(r, dq, grads)
        if len(dq) >= 512 and r.config.d_model >= 64 and r.compute_dtype == np.float32:
            r.x = tf32(r.x)
        return dq


name, profiles, forward, select, gradients = Mutant.as_backend()
