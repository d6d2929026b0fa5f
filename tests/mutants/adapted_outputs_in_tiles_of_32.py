"""The change of a wide target ends at its last whole tile of 32 outputs."""

from _adapting import AdaptingBackend

CLAUSE, STAGE = "ADP-3", "accumulation"


class Mutant(AdaptingBackend):
    def change(self, adapter, target, x, ids, gate):
        found = super().change(adapter, target, x, ids, gate)
        if found.shape[1] > 32:
            found[:, found.shape[1] // 32 * 32 :] = 0
        return found


name, profiles, forward, select, gradients, adapt, adapter_gradients = Mutant.as_backend()
