"""The gradients of u are those of the first target's dy where widths agree, else of its mean."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def dy(self, upstream, target):
        first = next(iter(upstream.values()))
        own = upstream[target]
        return first if first.shape == own.shape else np.broadcast_to(first.mean(-1, keepdims=True), own.shape)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
