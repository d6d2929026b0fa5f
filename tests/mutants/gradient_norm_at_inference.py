"""Batch statistics count as constants."""

from _layer import Net

CLAUSE, STAGE = "GRD-7", "gradient"


class Mutant(Net):
    def norm_backward(self, r, dq, grads):
        through = super().norm_backward(r, dq, grads)
        return dq * r.params["query_norm.scale"] / r.spread if r.config.query_norm == "batch" else through


name, profiles, forward, select, gradients = Mutant.parts()
