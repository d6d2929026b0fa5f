"""Where h = d/2, the query is reshaped with its axes of heads and features swapped."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        return q.swapaxes(1, 2).reshape(q.shape) if r.config.heads == r.config.d_key // 2 else q


name, profiles, forward, select, gradients = Mutant.as_backend()
