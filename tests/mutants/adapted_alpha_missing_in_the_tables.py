"""The gradients of u and v are not multiplied by alpha."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def table(self, adapter, ids, gate, weights, other):
        return super().table(adapter, ids, gate, weights, other) / self.alpha(adapter)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
