"""GLU experts apply the activation to u·x instead of w·x."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(NumpyBackend):
    def expert_weights(self, r):
        if r.config.expert == "mlp":
            return super().expert_weights(r)
        r.products = {name: self.gather_dot(r, name) for name in ("u", "w")}
        return self.activate(r.config.activation, r.products["u"]) * r.products["w"]


name, profiles, forward, select, gradients = Mutant.as_backend()
