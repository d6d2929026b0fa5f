"""A weight decay of 10⁻⁴ is added to every row."""

from _layer import Net

CLAUSE, STAGE = "GRD-2", "gradient"


class Mutant(Net):
    def scatter_sum(self, r, name, weights, rows):
        return super().scatter_sum(r, name, weights, rows) + r.compute_dtype.type(1e-4) * r.params[f"experts.{name}"]


name, profiles, forward, select, gradients = Mutant.parts()
