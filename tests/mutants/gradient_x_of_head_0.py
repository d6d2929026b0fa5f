"""x gets the path through the query of head 0 only."""

from _layer import Net

CLAUSE, STAGE = "GRD-4", "gradient"


class Mutant(Net):
    def dx_router(self, r, dq):
        return self.einsum("hcd,thc->td", r.params["query.weight"][:1], dq[:, :1])


name, profiles, forward, select, gradients = Mutant.parts()
