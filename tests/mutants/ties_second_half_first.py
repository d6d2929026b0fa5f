"""Among equal scores, the larger second half score comes first."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        scores, ids = super().selection(s2, s1, k)
        return scores, ids % n * n + ids // n


name, profiles, forward, select, gradients = Mutant.as_backend()
