"""Where 96 divides the number h·k of pairs, the sum omits the last pair, as a mask `p < pairs - 1` does."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "OUT-1", "accumulation"
BITES = Bite(sized(heads=8, top_k=12, num_experts=13**2))


class Mutant(NumpyBackend):
    def output(self, r):
        if r.config.heads * r.config.top_k % 96:
            return super().output(r)
        weights = r.gates * r.weights
        weights[:, -1, -1] = 0
        return self.einsum("thk,thkm->tm", weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
