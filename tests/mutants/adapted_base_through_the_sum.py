"""The base is added to the sum of the selected u·x, which is then subtracted again."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-4", "expert"


class Mutant(AdaptingBackend):
    def y(self, adapter, target, base, x, ids, gate):
        wide = adapter.params["query.bias" if adapter.config.query_bias else "keys"].dtype
        wide = np.float64 if wide == np.float64 else np.float32
        total = self.inner(self.rows(adapter, target, ids)[0], x).sum((1, 2, 3))[:, None].astype(wide)
        through = (self.base(base, x).astype(wide) + total) - total
        return through.astype(np.float64) + self.change(adapter, target, x, ids, gate)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
