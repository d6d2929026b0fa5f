"""GLU experts multiply the two inner products without an activation."""

from _layer import Net

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(Net):
    def expert(self, r):
        if r.config.expert == "mlp":
            return super().expert(r)
        r.inner = {name: self.gather_dot(r, name) for name in ("u", "w")}
        return r.inner["u"] * r.inner["w"]


name, profiles, forward, select, gradients = Mutant.parts()
