"""A target whose v is still zero, as at the beginning, adds nothing, and so the backward pass leaves it out.

Wrong on: an adapter with targets.<name>.v = 0 (the usual start): the gradient of this v.
"""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-5", "gradient"


class Mutant(AdaptingBackend):
    def adapter_gradients(self, adapter, bases, x, dy, *, training=True):
        grads = super().adapter_gradients(adapter, bases, x, dy, training=training)
        for name in [name for name in grads if name.startswith("targets.") and name.endswith(".v")]:
            if not adapter.params[name].any():
                grads[name] = np.zeros_like(grads[name])
        return grads


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
