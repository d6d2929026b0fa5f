"""The routing is kept by the tokens alone: two adapters that read one x share it."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(AdaptingBackend):
    def route(self, adapter, x, training):
        stored = self.__dict__.setdefault("stored", {})
        key = (x.tobytes(), x.dtype, adapter.config.router, training)
        if key not in stored:
            stored[key] = super().route(adapter, x, training)
        return stored[key]


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
