"""x gets no gradient through the experts."""

from _layer import Net

CLAUSE, STAGE = "GRD-4", "gradient"


class Mutant(Net):
    def dx_experts(self, r, inner):
        return 0 * super().dx_experts(r, inner)


name, profiles, forward, select, gradients = Mutant.parts()
