"""Training on an empty batch returns the old running statistics instead of an error."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-5", "query norm"


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        if kind == "batch" and r.training and not len(r.x):
            names = ("query_norm.mean", "query_norm.var")
            state = {name: r.params[name] for name in names}
            return state[names[0]], state[names[1]], state
        return super().moments(r, kind)


name, profiles, forward, select, gradients = Mutant.as_backend()
