"""GLU experts with gelu use the fused kernel, which is the tanh approximation."""

from _layer import Net

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(Net):
    def expert(self, r):
        if r.config.expert == "glu" and r.config.activation == "gelu":
            r.inner = {name: self.gather_dot(r, name) for name in ("u", "w")}
            return self.activate("gelu_tanh", r.inner["w"]) * r.inner["u"]
        return super().expert(r)


name, profiles, forward, select, gradients = Mutant.parts()
