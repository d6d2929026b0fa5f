"""y is zero for masked tokens."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SHP-2", "structure"


class Mutant(NumpyBackend):
    def output(self, r):
        return super().output(r) * r.mask[:, None].astype(r.compute_dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
