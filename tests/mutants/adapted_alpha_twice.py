"""Alpha multiplies both the inner products and the sum."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        return self.alpha(adapter) * super().change(adapter, target, x, ids, gate)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
