"""Beyond 32 tokens, the gradient of the norm's scale sums full tiles of 32 tokens."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, whole

CLAUSE, STAGE = "GRD-7", "gradient"
BITES = Bite(sized(query_norm="layer"), (50,), gradients=True)


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        dr = super().norm_backward(r, dq, grads)
        if r.unit is not None and len(r.x) > 32:
            seen = whole(len(r.x), 32)
            grads["query_norm.scale"] = (dq[:seen] * r.unit[:seen]).sum(0)
        return dr


name, profiles, forward, select, gradients = Mutant.as_backend()
