"""In the backward pass of GLU experts, w·x is rounded to the input dtype."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(NumpyBackend):
    def weight_derivatives(self, r):
        if "w" in r.products:
            r.products["w"] = r.products["w"].astype(r.layer.dtype).astype(r.compute_dtype)
        return super().weight_derivatives(r)


name, profiles, forward, select, gradients = Mutant.as_backend()
