"""Gradients take the tokens of the last call for outputs, if there are as many."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(AdaptingBackend):
    def adapt(self, adapter, bases, x, *, training=False):
        self.last = x.copy()
        return super().adapt(adapter, bases, x, training=training)

    def adapter_gradients(self, adapter, bases, x, dy, *, training=True):
        if self.last.shape == x.shape and self.last.dtype == x.dtype:
            x = self.last
        return super().adapter_gradients(adapter, bases, x, dy, training=training)

    last = np.zeros(0)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
