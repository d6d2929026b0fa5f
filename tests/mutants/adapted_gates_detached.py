"""No gradient passes the gates."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def dgate(self, adapter, before, a, z):
        return before


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
