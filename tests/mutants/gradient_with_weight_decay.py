"""The gradients of expert tables include a weight decay of 10⁻⁴."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-2", "gradient"


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        return super().scatter_sum(r, name, weights, rows) + r.compute_dtype.type(1e-4) * r.params[f"experts.{name}"]


name, profiles, forward, select, gradients = Mutant.as_backend()
