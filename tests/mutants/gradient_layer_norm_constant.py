"""The statistics of the layer norm count as constants."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def norm_backward(self, r, dq, grads):
        out = super().norm_backward(r, dq, grads)
        return dq * r.params["query_norm.scale"] / r.spread if r.config.query_norm == "layer" else out


name, profiles, forward, select, gradients = Mutant.parts()
