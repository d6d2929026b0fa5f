"""The router of an adapter reads tokens of length one, unlike that of a layer."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-2", "selection"


class Mutant(AdaptingBackend):
    def route(self, adapter, x, training):
        length = np.sqrt((x.astype(np.float64) ** 2).sum(-1, keepdims=True))
        return super().route(adapter, (x / np.maximum(length, 1e-30)).astype(x.dtype), training)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
