"""Training updates the running statistics inside the parameters."""

from _layer import Net

CLAUSE, STAGE = "IND-2", "structure"


class Mutant(Net):
    def moved(self, r, mean, var):
        state = super().moved(r, mean, var)
        for name, value in state.items():
            r.layer.params[name][...] = value
        return state


name, profiles, forward, select, gradients = Mutant.parts()
