"""The change is not multiplied by alpha."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        u, v = self.rows(adapter, target, ids)
        return np.einsum("thkr,thkrm->tm", gate[..., None] * self.inner(u, x), v)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
