"""Only the first eight rows of an expert are used."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def inner(self, rows, tokens):
        found = super().inner(rows, tokens)
        found[..., 8:] = 0
        return found


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
