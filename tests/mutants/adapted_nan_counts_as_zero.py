"""What is no number in a token counts as 0."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "NFT-1", "independence"


class Mutant(AdaptingBackend):
    def adapt(self, adapter, bases, x, *, training=False):
        x = np.where(np.isfinite(x.astype(np.float64)), x, x.dtype.type(0))
        return super().adapt(adapter, bases, x, training=training)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
