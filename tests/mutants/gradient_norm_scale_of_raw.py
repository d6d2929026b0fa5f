"""The gradient of the norm's scale uses queries before the norm."""

from _layer import Net

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(Net):
    def norm_backward(self, r, dq, grads):
        out = super().norm_backward(r, dq, grads)
        if r.unit is not None:
            grads["query_norm.scale"] = (dq * r.raw).sum(0)
        return out


name, profiles, forward, select, gradients = Mutant.parts()
