"""With D = 1, every token is replaced by the first one."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SCO-1", "score"


class Mutant(NumpyBackend):
    def tokens(self, x, dtype):
        x = super().tokens(x, dtype)
        return x[:1].repeat(len(x), 0) if x.shape[1] == 1 else x


name, profiles, forward, select, gradients = Mutant.as_backend()
