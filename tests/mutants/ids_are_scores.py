"""The two results of top-k are unpacked the wrong way round, so rounded scores serve as ids."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "SEL-5", "structure"


class Mutant(Net):
    def choose(self, s1, s2, k):
        scores, ids = super().choose(s1, s2, k)
        clipped = np.clip(np.nan_to_num(scores), 0, s1.shape[-1] ** 2 - 1)
        return ids.astype(scores.dtype), clipped.astype(np.int64)


name, profiles, forward, select, gradients = Mutant.parts()
