"""With sigmoid gates, the derivative of silu uses the stored gate as the logistic function of u·x."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-3", "gradient"
BITES = Bite(sized(gate="sigmoid", activation="silu"), gradients=True)


class Mutant(NumpyBackend):
    def weight_derivatives(self, r):
        c = r.config
        if (c.gate, c.activation, c.expert) != ("sigmoid", "silu", "mlp"):
            return super().weight_derivatives(r)
        return {"u": r.gates * (1 + r.products["u"] * (1 - r.gates))}


name, profiles, forward, select, gradients = Mutant.as_backend()
