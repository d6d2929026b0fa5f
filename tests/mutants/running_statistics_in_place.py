"""Training changes the running statistics in the parameters of the caller."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-2", "structure"


class Mutant(NumpyBackend):
    def running_statistics(self, r, mean, var):
        state = super().running_statistics(r, mean, var)
        for name, value in state.items():
            r.layer.params[name][...] = value
        return state


name, profiles, forward, select, gradients = Mutant.as_backend()
