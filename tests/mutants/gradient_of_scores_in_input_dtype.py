"""Gradients of the scores are rounded to the format of the input."""

from _layer import Net

CLAUSE, STAGE = "GRD-1", "gradient"


class Mutant(Net):
    def gate_backward(self, r, dgate):
        return super().gate_backward(r, dgate).astype(r.layer.dtype).astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.parts()
