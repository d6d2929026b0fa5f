"""Each row of u meets the row of v from the other end."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def rows(self, adapter, target, ids):
        u, v = super().rows(adapter, target, ids)
        return u, v[..., ::-1, :]


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
