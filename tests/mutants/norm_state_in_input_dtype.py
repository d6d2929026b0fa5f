"""The updated running statistics have the format of the input."""

from _layer import Net

CLAUSE, STAGE = "PRC-3", "structure"


class Mutant(Net):
    def moved(self, r, mean, var):
        return {name: new.astype(r.layer.dtype) for name, new in super().moved(r, mean, var).items()}


name, profiles, forward, select, gradients = Mutant.parts()
