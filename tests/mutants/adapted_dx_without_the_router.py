"""x gets no gradient through the router."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def through(self, dx):
        return 0 * dx


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
