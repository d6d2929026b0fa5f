"""With sigmoid gates, GLU experts and no query norm, the gate multiplies w·x before the activation."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-2", "accumulation"
BITES = Bite(sized(gate="sigmoid", expert="glu", activation="silu"))


class Mutant(NumpyBackend):
    def output(self, r):
        c = r.config
        if (c.gate, c.expert, c.query_norm) != ("sigmoid", "glu", "none"):
            return super().output(r)
        weights = self.activate(c.activation, r.gates * r.products["w"]) * r.products["u"]
        return self.einsum("thk,thkm->tm", weights, r.params["experts.v"][r.ids])


name, profiles, forward, select, gradients = Mutant.as_backend()
