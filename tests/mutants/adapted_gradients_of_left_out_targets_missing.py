"""A target without a base has no gradients, not even zeros."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def named(self, adapter, grads, x, bases):
        left = {name for name in grads if name.startswith("targets.") and name.split(".")[1] not in bases}
        return super().named(adapter, {name: part for name, part in grads.items() if name not in left}, x, bases)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
