"""The change of a target stays in the sum of the next one."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-4", "independence"


class Mutant(AdaptingBackend):
    def start(self, adapter, bases):
        self.left = 0.0

    def change(self, adapter, target, x, ids, gate):
        found = super().change(adapter, target, x, ids, gate)
        total = found + self.left
        self.left = found.sum() if found.size else 0.0
        return total


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
