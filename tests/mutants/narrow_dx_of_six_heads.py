"""From six heads on, dx adds up the heads in the input dtype."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through

CLAUSE, STAGE = "GRD-4", "gradient"
BITES = Bite(sized(heads=7), precision="bfloat16", gradients=True)


class Mutant(NumpyBackend):
    def dx_router(self, r, dq):
        if r.config.heads < 6:
            return super().dx_router(r, dq)
        dx = 0
        for head, weight in enumerate(r.params["query.weight"]):
            dx = through(dx + self.einsum("cd,tc->td", weight, dq[:, head]), r.input_dtype)
        return dx


name, profiles, forward, select, gradients = Mutant.as_backend()
