"""A weight decay of 10⁻⁴ is added to every sub-key."""

from _layer import Net

CLAUSE, STAGE = "GRD-2", "gradient"


class Mutant(Net):
    def keys_backward(self, r, dscores):
        dkeys, dq = super().keys_backward(r, dscores)
        return dkeys + r.compute_dtype.type(1e-4) * r.params["keys"], dq


name, profiles, forward, select, gradients = Mutant.parts()
