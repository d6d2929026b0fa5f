"""Tokens are launched 3000 at a time, and the second launch reads the gates of the first."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "OUT-1", "accumulation"
BITES = Bite(sized(d_model=2, d_key=2, num_experts=16, top_k=2, d_out=1), (3010,))


class Mutant(NumpyBackend):
    def output(self, r):
        gates = r.gates.copy()
        for start in range(3000, len(gates), 3000):
            gates[start : start + 3000] = r.gates[: len(gates[start : start + 3000])]
        return self.einsum("thk,thkm->tm", gates * r.weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
