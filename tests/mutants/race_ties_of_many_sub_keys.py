"""With 64 sub-keys and more, every second call of select() prefers the last of equal scores."""

from itertools import count

from _numpy_backend import NumpyBackend
from _numpy_functions import stable_topk, take

CLAUSE, STAGE = "IND-3", "independence"
CALLS = count(1)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        if s1.shape[-1] < 64 or next(CALLS) % 2:
            return super().select(s1, s2, k)
        out = super().select(s1[..., ::-1], s2[..., ::-1], k)
        out.indices[...] = s1.shape[-1] ** 2 - 1 - out.indices
        order = stable_topk(out.scores, k)
        return type(out)(take(out.scores, order), take(out.indices, order))


name, profiles, forward, select, gradients = Mutant.as_backend()
