"""With d = 2, the layer norm divides the variance by d − 1."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "NRM-6", "query norm"
BITES = Bite(sized(query_norm="layer", d_key=2))


class Mutant(NumpyBackend):
    def moments(self, r, kind):
        mean, var, state = super().moments(r, kind)
        return mean, var * 2 if kind == "layer" and r.config.d_key == 2 else var, state


name, profiles, forward, select, gradients = Mutant.as_backend()
