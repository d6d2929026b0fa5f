"""select() reads half scores as flat memory, so arrays in column order are scrambled."""

from _layer import Net

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def select(self, s1, s2, k):
        s1, s2 = (s.ravel(order="K").reshape(s.shape) for s in (s1, s2))
        return super().select(s1, s2, k)


name, profiles, forward, select, gradients = Mutant.parts()
