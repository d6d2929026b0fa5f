"""The mean change of a batch is written into the weight of the base."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "structure"


class Mutant(AdaptingBackend):
    def base(self, base, x):
        found = super().base(base, x)
        base.weight[...] += base.weight.dtype.type(0.125)
        return found


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
