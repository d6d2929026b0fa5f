"""The change of all tokens is one product over the batch, in which a NaN times 0 is NaN."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "NFT-2", "independence"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        return super().change(adapter, target, x, ids, gate) + 0 * x.sum()


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
