"""The slope of gelu in GLU experts is that of the tanh approximation."""

from _layer import Net

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(Net):
    def slope(self, kind, a):
        return super().slope("gelu_tanh" if kind == "gelu" and self.glu else kind, a)

    def slopes(self, r):
        self.glu = r.config.expert == "glu"
        return super().slopes(r)


name, profiles, forward, select, gradients = Mutant.parts()
