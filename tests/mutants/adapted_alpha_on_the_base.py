"""Alpha multiplies the base, too."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def base(self, base, x):
        return self.factor * super().base(base, x)

    def start(self, adapter, bases):
        self.factor = self.alpha(adapter)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
