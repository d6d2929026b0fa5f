"""With 48 ≤ n < 1000, half scores of float64 are ranked by five passes over eight bits: by their upper 40 bits.

Wrong on: float64, n = 64, k = 4, half scores 1 + m·2⁻⁴⁵ with m in mixed order.
"""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import selection_among, stable_topk

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        n = s1.shape[-1]
        if s1.dtype != np.float64 or not 48 <= n < 1000:
            return super().selection(s1, s2, k)
        return selection_among(s1, s2, k, *(stable_topk(self.upper(s), min(k, n)) for s in (s1, s2)))

    def upper(self, scores):
        """Cut after 40 bits; the sign stays."""
        return (np.ascontiguousarray(scores).view(np.int64) & ~np.int64((1 << 24) - 1)).view(np.float64)


name, profiles, forward, select, gradients = Mutant.as_backend()
