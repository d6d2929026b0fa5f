"""Where the statistics are frozen, the gradient of the query is not multiplied by the scale of the norm."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-9", "gradient"


class Mutant(NumpyBackend):
    def frozen_norm_backward(self, r, dunit):
        return super().frozen_norm_backward(r, dunit / r.params["query_norm.scale"])


name, profiles, forward, select, gradients = Mutant.as_backend()
