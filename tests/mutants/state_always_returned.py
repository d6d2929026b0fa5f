"""Running statistics are returned at inference too."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-3", "structure"


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        mean, var, state = super().moments(r, kind)
        return mean, var, self.running_statistics(r, mean, var) if kind == "batch" else state


name, profiles, forward, select, gradients = Mutant.as_backend()
