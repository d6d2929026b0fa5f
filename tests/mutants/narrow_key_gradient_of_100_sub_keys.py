"""With n ≥ 100, the gradient of the sub-keys is kept in float16 between its parts."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through

CLAUSE, STAGE = "PRC-2", "gradient"
BITES = Bite(sized(num_experts=101**2), gradients=True)


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        keys, dq = super().keys_backward(r, dscores)
        return (through(keys, np.float16) if r.config.n >= 100 else keys), dq


name, profiles, forward, select, gradients = Mutant.as_backend()
