"""GLU experts multiply the two inner products without an activation."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(NumpyBackend):
    def expert_weights(self, r):
        if r.config.expert == "mlp":
            return super().expert_weights(r)
        r.products = {name: self.gather_dot(r, name) for name in ("u", "w")}
        return r.products["u"] * r.products["w"]


name, profiles, forward, select, gradients = Mutant.as_backend()
