"""One of the targets takes the experts of the tokens in the opposite order."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        own = ids[::-1] if target == max(adapter.config.targets) else ids
        return super().change(adapter, target, x, own, gate)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
