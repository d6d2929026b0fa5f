"""The gate multiplies the inner product before the activation."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        if r.config.expert == "mlp":
            r.weights, gates = self.activate(r.config.activation, r.gates * r.products["u"]), r.gates
            r.gates = np.ones_like(gates)
            y, r.gates = super().output(r), gates
            return y
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
