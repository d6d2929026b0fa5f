"""The fused kernel of GLU experts takes 16 features of w."""

from _layer import Net

CLAUSE, STAGE = "EXP-2", "expert"


class Mutant(Net):
    def gather_dot(self, r, name):
        width = 16 if name == "w" else None
        return self.einsum("thkd,td->thk", r.params[f"experts.{name}"][..., :width][r.ids], r.x[:, :width])


name, profiles, forward, select, gradients = Mutant.parts()
