"""gradients() writes the new running statistics into the parameters of the caller."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-2", "gradient"
BITES = Bite(sized(query_norm="batch"), training=True, gradients=True)


class Mutant(NumpyBackend):
    def backward(self, r):
        for name, value in (r.state or {}).items():
            r.layer.params[name][...] = value
        return super().backward(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
