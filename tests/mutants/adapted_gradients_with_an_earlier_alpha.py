"""The backward pass packs alpha·v by the content of the tables; another alpha gets the gradients of the first.

Wrong on: adapter_gradients of one adapter with alpha = 1, then with alpha = 2, as in a schedule of alpha.
"""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(AdaptingBackend):
    alphas: dict[object, float] = {}  # noqa: RUF012  (shared by all calls)
    backward = False

    def adapter_gradients(self, adapter, bases, x, dy, *, training=True):
        self.backward = True
        try:
            return super().adapter_gradients(adapter, bases, x, dy, training=training)
        finally:
            self.backward = False

    def alpha(self, adapter):
        if not self.backward:
            return adapter.config.alpha
        tables = tuple((name, part.tobytes()) for name, part in sorted(adapter.params.items()) if name.endswith(".v"))
        return self.alphas.setdefault(tables, adapter.config.alpha)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
