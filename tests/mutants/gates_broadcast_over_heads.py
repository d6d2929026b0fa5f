"""Gates are read as [h, T, k], which has the right shape where T = h."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "OUT-1", "accumulation"


class Mutant(NumpyBackend):
    def output(self, r):
        if len(r.x) == r.config.heads:
            r = type(r)(**vars(r) | {"gates": r.gates.swapaxes(0, 1)})
        return super().output(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
