"""With 24 < M < 96, the last tile of 24 features moves back to end at M, and is added once more where it overlaps."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, whole

CLAUSE, STAGE = "OUT-1", "accumulation"
BITES = Bite(sized(d_out=60))


class Mutant(NumpyBackend):
    def output(self, r):
        y, m = super().output(r), r.config.d_out
        if 24 < m < 96:
            y[:, m - 24 : whole(m, 24)] *= 2
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
