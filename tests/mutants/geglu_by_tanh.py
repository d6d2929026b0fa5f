"""GLU experts with gelu use the tanh approximation."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(NumpyBackend):
    def expert_weights(self, r):
        if r.config.expert == "glu" and r.config.activation == "gelu":
            r.products = {name: self.gather_dot(r, name) for name in ("u", "w")}
            return self.activate("gelu_tanh", r.products["w"]) * r.products["u"]
        return super().expert_weights(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
