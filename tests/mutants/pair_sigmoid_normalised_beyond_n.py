"""With sigmoid gates and k > n, the gates are divided by their sum, as those of softmax are."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GAT-3", "gate"
BITES = Bite(sized(gate="sigmoid", top_k=8))


class Mutant(NumpyBackend):
    def gates(self, r):
        gates = super().gates(r)
        if r.config.gate == "sigmoid" and r.config.top_k > r.config.n:
            return gates / gates.sum(-1, keepdims=True)
        return gates


name, profiles, forward, select, gradients = Mutant.as_backend()
