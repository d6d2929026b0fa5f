"""The inner product w·x of a GLU is rounded to the format of the input in the backward pass."""

from _layer import Net

CLAUSE, STAGE = "GRD-3", "gradient"


class Mutant(Net):
    def slopes(self, r):
        if "w" in r.inner:
            r.inner["w"] = r.inner["w"].astype(r.layer.dtype).astype(r.compute_dtype)
        return super().slopes(r)


name, profiles, forward, select, gradients = Mutant.parts()
