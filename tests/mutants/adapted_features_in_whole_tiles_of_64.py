"""With D > 64, the inner products of an adapter with u are added up in whole tiles of 64 features.

Wrong on: an adapter with D = 100.
"""

from _adapting import AdaptingBackend
from _shaped import whole

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def rows(self, adapter, target, ids):
        u, v = super().rows(adapter, target, ids)
        if adapter.config.d_model > 64:
            u[..., whole(adapter.config.d_model, 64) :] = 0
        return u, v


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
