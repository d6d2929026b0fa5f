"""The uses of a row are added in another order in each call."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-3", "gradient"


class Mutant(AdaptingBackend):
    def table(self, adapter, ids, gate, weights, other):
        count = self.__dict__["count"] = self.__dict__.get("count", 0) + 1
        order = np.random.default_rng(count).permutation(len(ids))
        wide = np.float64 if adapter.params["keys"].dtype == np.float64 else np.float32
        gate, weights, other = (part[order].astype(wide) for part in (gate, weights, other))
        return super().table(adapter, ids[order], gate, weights, other)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
