"""y of equal shapes is written into one buffer."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-4", "structure"


class Mutant(AdaptingBackend):
    def adapt(self, adapter, bases, x, *, training=False):
        found = super().adapt(adapter, bases, x, training=training)
        kept = self.__dict__.setdefault("kept", {})
        for name in [name for name in found if name.startswith("y.")]:
            buffer = kept.setdefault((name, found[name].shape, found[name].dtype), np.empty_like(found[name]))
            buffer[...] = found[name]
            found[name] = buffer
        return found


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
