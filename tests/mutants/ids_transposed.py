"""The id of expert (i, j) is i + n·j."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IDX-1", "score"


class Mutant(NumpyBackend):
    def expert_ids(self, i, j, n):
        return i + n * j


name, profiles, forward, select, gradients = Mutant.as_backend()
