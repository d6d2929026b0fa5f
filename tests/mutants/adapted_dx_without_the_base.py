"""x gets no gradient through the bases."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def dx_of_base(self, base, dy):
        return 0.0


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
