"""Bases are taken in the order in which they come, and not by their names."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def y(self, adapter, target, base, x, ids, gate):
        widths = adapter.config.targets
        alike = [name for name in self.names if widths[name] == widths[target]]
        ordered = [name for name in widths if name in alike]
        return super().y(adapter, ordered[alike.index(target)], base, x, ids, gate)

    def start(self, adapter, bases):
        self.names = list(bases)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
