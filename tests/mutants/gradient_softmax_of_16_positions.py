"""The sum in the derivative of softmax is over the first 16 positions."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-2", "gradient"
BITES = Bite(sized(num_experts=19**2, top_k=18), gradients=True)


class Mutant(NumpyBackend):
    def gate_backward(self, r, dgate):
        if r.config.gate == "sigmoid" or r.config.top_k == 1:
            return super().gate_backward(r, dgate)
        return r.gates * (dgate - (r.gates * dgate)[..., :16].sum(-1, keepdims=True))


name, profiles, forward, select, gradients = Mutant.as_backend()
