"""A grid of 1024 blocks, one for each token, leaves the tokens beyond them with their base alone."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        found = super().change(adapter, target, x, ids, gate)
        found[1024:] = 0
        return found


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
