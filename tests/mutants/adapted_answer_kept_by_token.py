"""The change is kept by the first token and the tables by their address."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(AdaptingBackend):
    def start(self, adapter, bases):
        self.tables = tuple(id(part) for part in adapter.params.values())

    def change(self, adapter, target, x, ids, gate):
        kept = self.__dict__.setdefault("kept", {})
        key = (target, self.tables, x.tobytes(), adapter.config.to_json())
        if key not in kept:
            kept[key] = super().change(adapter, target, x, ids, gate)
        return kept[key]


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
