"""GLU experts with gelu_tanh use the exact gelu."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-2", "accumulation"
BITES = Bite(sized(expert="glu", activation="gelu_tanh"))


class Mutant(NumpyBackend):
    def expert_weights(self, r):
        weights = super().expert_weights(r)
        if (r.config.expert, r.config.activation) == ("glu", "gelu_tanh"):
            return self.activate("gelu", r.products["w"]) * r.products["u"]
        return weights


name, profiles, forward, select, gradients = Mutant.as_backend()
