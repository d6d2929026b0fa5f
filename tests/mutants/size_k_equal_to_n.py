"""Where k = n > 8, the list of each half has n − 1 places."""

from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among
from _shaped import Bite, ranked, sized

CLAUSE, STAGE = "SEL-2", "tie"


def far_second_half(case):
    case["keys"][:, 1] *= 64


BITES = Bite(sized(num_experts=12**2, top_k=12), change=far_second_half)


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        if k != s1.shape[-1] or k <= 8:
            return super().selection(s1, s2, k)
        return selection_among(s1, s2, k, *ranked(s1, s2, k - 1))


name, profiles, forward, select, gradients = Mutant.as_backend()
