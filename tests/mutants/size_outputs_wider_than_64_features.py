"""Where D > 64, y has as many features as x, and the rest of a wider M is zero."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "OUT-1", "accumulation"
BITES = Bite(sized(d_model=70, d_out=90))


class Mutant(NumpyBackend):
    def output(self, r):
        y = super().output(r)
        if r.config.d_model > 64:
            y[:, r.config.d_model :] = 0
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
