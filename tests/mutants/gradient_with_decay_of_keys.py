"""The gradient of the sub-keys includes a weight decay of 10⁻⁴."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-2", "gradient"


class Mutant(NumpyBackend):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        return dkeys + r.compute_dtype.type(1e-4) * r.params["keys"], dq


name, profiles, forward, select, gradients = Mutant.as_backend()
