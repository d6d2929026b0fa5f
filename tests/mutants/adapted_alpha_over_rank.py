"""Alpha is divided by the rank, as in LoRA."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def alpha(self, adapter):
        return adapter.config.alpha / adapter.config.rank


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
