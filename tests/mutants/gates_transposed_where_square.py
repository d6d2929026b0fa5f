"""Gates are read as [T, k, h], which has the right shape where h = k."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        if r.config.heads == r.config.top_k:
            r = type(r)(**vars(r) | {"gates": r.gates.swapaxes(1, 2)})
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
