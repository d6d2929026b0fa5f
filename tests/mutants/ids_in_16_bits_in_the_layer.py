"""The layer, but not select(), reads rows of u and w by id mod 65536."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "EXP-1", "expert"


class Mutant(NumpyBackend):
    def gather_dot(self, r, name):
        return super().gather_dot(type(r)(**vars(r) | {"ids": r.ids % 65536}), name)


name, profiles, forward, select, gradients = Mutant.as_backend()
