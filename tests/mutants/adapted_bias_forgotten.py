"""The bias of a base is not added."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def base(self, base, x):
        return super().base(base._replace(bias=None), x)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
