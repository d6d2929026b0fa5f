"""Gates are detached, so the router gets no gradient."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        return 0 * dgate


name, profiles, forward, select, gradients = Mutant.as_backend()
