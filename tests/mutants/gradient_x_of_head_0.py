"""The gradient of x through the query uses head 0 only."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-4", "gradient"


class Mutant(NumpyBackend):
    def dx_router(self, r, dq):
        return self.einsum("hcd,thc->td", r.params["query.weight"][:1], dq[:, :1])


name, profiles, forward, select, gradients = Mutant.as_backend()
