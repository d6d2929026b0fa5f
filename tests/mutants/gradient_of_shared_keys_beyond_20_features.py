"""With d/2 > 20, sub-keys of the second half that heads share get the gradient of head 0 only."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-1", "gradient"
BITES = Bite(sized(d_key=44), gradients=True)


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        keys, dq = super().keys_backward(r, dscores)
        if r.config.d_key > 40 and r.config.key_heads == 1:
            first = dscores * (np.arange(r.config.heads) == 0)[:, None]
            keys[:, 1] = super().keys_backward(r, first)[0][:, 1]
        return keys, dq


name, profiles, forward, select, gradients = Mutant.as_backend()
