"""The bias of a base is converted once, and kept by its address."""

import numpy as np
from _adapting import AdaptingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(AdaptingBackend):
    def base(self, base, x):
        if base.bias is None:
            return super().base(base, x)
        stored = self.__dict__.setdefault("stored", {})
        if stored.get(id(base.bias), (None,))[0] is not base.bias:
            stored[id(base.bias)] = base.bias, base.bias.astype(np.float64)
        return super().base(base._replace(bias=None), x) + stored[id(base.bias)][1]


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
