"""A product-key memory with k > 16 keeps 16 sub-keys of each half.

Wrong on: pkm, n = 64, k = 32, h = 2.
"""

from _comparing import ComparingBackend
from _numpy_functions import selection_among
from _shaped import ranked

CLAUSE, STAGE = "PKM-3", "selection"


class Mutant(ComparingBackend):
    memory = False

    def pkm(self, r):
        self.memory = True
        try:
            super().pkm(r)
        finally:
            self.memory = False

    def selection(self, s1, s2, k):
        if not self.memory or not 16 < k <= s1.shape[-1]:
            return super().selection(s1, s2, k)
        return selection_among(s1, s2, k, *ranked(s1, s2, 16))


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
