"""An expert that two heads select counts once."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import take

CLAUSE, STAGE = "OUT-3", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        flat = r.ids.reshape(len(r.x), r.config.heads * r.config.top_k)
        order = np.argsort(flat, -1, kind="stable")
        repeated = np.diff(take(flat, order), axis=-1, prepend=-1) == 0
        again = np.zeros_like(repeated)
        np.put_along_axis(again, order, repeated, -1)
        r.weights = np.where(again.reshape(r.ids.shape), 0, r.weights)
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
