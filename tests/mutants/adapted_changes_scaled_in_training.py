"""In training the changes get a factor of 1.25, as by a dropout that drops nothing."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def adapt(self, adapter, bases, x, *, training=False):
        self.factor = 1.25 if training and adapter.config.query_norm != "batch" else 1.0
        return super().adapt(adapter, bases, x, training=training)

    def change(self, adapter, target, x, ids, gate):
        return self.factor * super().change(adapter, target, x, ids, gate)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
