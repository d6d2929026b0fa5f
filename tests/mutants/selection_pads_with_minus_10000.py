"""Sub-keys are padded to a power of two with scores of −10⁴, which beat lower ones."""

import numpy as np
from _layer import Net, best, restricted

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def choose(self, s1, s2, k):
        n = s1.shape[-1]
        room, kept = 1 << (n - 1).bit_length(), min(k, n)
        wide = [np.concatenate([s, np.full((*s.shape[:-1], room - n), -1e4, s.dtype)], -1) for s in (s1, s2)]
        first, second = (np.minimum(best(s, kept), n - 1) for s in wide)
        return restricted(s1, s2, k, first, second)


name, profiles, forward, select, gradients = Mutant.parts()
