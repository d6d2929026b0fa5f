"""With k > n, only n experts are selected, and the list is padded with expert 0."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "SEL-7", "structure"


class Mutant(NumpyBackend):
    def selection(self, s1, s2, k):
        scores, ids = super().selection(s1, s2, k)
        late = np.arange(k) >= s1.shape[-1]
        return np.where(late, -np.inf, scores), np.where(late, 0, ids)


name, profiles, forward, select, gradients = Mutant.as_backend()
