"""Where 16 divides D and D ≥ 32, the unrolled loop of the query ends one vector of 16 early."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "SCO-1", "score"
BITES = Bite(sized(d_model=48))


class Mutant(NumpyBackend):
    def query(self, r):
        d = r.config.d_model
        if d % 16 or d < 32:
            return super().query(r)
        q = self.einsum("hcd,td->thc", r.params["query.weight"][..., :-16], r.x[:, :-16])
        return q + r.params["query.bias"] if r.config.query_bias else q


name, profiles, forward, select, gradients = Mutant.as_backend()
