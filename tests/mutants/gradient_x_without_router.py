"""x gets no gradient through the query."""

from _layer import Net

CLAUSE, STAGE = "GRD-4", "gradient"


class Mutant(Net):
    def dx_router(self, r, dq):
        return 0 * super().dx_router(r, dq)


name, profiles, forward, select, gradients = Mutant.parts()
