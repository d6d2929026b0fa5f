"""The activation is on u·x instead of w·x."""

from _layer import Net

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(Net):
    def expert(self, r):
        if r.config.expert == "mlp":
            return super().expert(r)
        r.inner = {name: self.gather_dot(r, name) for name in ("u", "w")}
        return self.activate(r.config.activation, r.inner["u"]) * r.inner["w"]


name, profiles, forward, select, gradients = Mutant.parts()
