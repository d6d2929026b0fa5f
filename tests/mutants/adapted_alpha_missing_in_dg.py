"""The gradient of the gates is not multiplied by alpha."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def dgate(self, adapter, before, a, z):
        return before + (a * z).sum(-1)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
