"""The change is divided by 49 and multiplied by 49 times alpha."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        wide = np.float64 if adapter.params["keys"].dtype == np.float64 else np.float32
        part = (super().change(adapter, target, x, ids, gate) / 49).astype(wide)
        return (part * wide(49 * adapter.config.alpha)).astype(np.float64)

    def alpha(self, adapter):
        return 1.0


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
