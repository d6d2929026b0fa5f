"""For k = 1 and n ≥ 100, a reduction over blocks finds the last one of equal half scores."""

from _numpy_backend import NumpyBackend
from _shaped import SelectBite

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"
BITES = SelectBite(110, 1, bits=3)


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        n = s1.shape[-1]
        if k > 1 or n < 100:
            return super().select(s1, s2, k)
        i, j = (n - 1 - s[..., ::-1].argmax(-1) for s in (s1, s2))
        return Selection((s1.max(-1) + s2.max(-1))[..., None], (i * n + j)[..., None])


name, profiles, forward, select, gradients = Mutant.as_backend()
