"""The change is added up in float16."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "PRC-2", "accumulation"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        return super().change(adapter, target, x, ids, gate).astype(np.float16).astype(np.float64)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
