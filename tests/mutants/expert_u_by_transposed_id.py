"""Expert (i, j) uses the row of u of expert (j, i)."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        ids, n = r.ids, r.config.n
        r.ids = ids % n * n + ids // n
        products, r.ids = super().gather_dot(r, name), ids
        return products


name, profiles, forward, select, gradients = Mutant.as_backend()
