"""Gradients are kept by the tokens, and another dy gets those of the first."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(AdaptingBackend):
    def adapter_gradients(self, adapter, bases, x, dy, *, training=True):
        stored = self.__dict__.setdefault("stored", {})
        key = (adapter.config, adapter.params["keys"].dtype, x.tobytes(), x.dtype, training, tuple(bases))
        if key not in stored:
            stored[key] = super().adapter_gradients(adapter, bases, x, dy, training=training)
        return {name: part.copy() for name, part in stored[key].items()}


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
