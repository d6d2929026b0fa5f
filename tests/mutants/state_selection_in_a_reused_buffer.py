"""The scores of select() are a view of a buffer that the next call with the same shape overwrites."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-4", "independence"


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        out = super().select(s1, s2, k)
        buffer = self.buffers.setdefault((out.scores.shape, out.scores.dtype), out.scores.copy())
        buffer[...] = out.scores
        return out._replace(scores=buffer)

    buffers: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
