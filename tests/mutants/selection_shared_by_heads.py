"""All heads use the experts that head 0 selects."""

import numpy as np
from _layer import Net, take

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-6", "selection"


class Mutant(Net):
    def choose(self, s1, s2, k):
        ids = np.broadcast_to(super().choose(s1, s2, k)[1][:, :1], (*s1.shape[:-1], k)).copy()
        i, j = np.divmod(ids, s1.shape[-1])
        return take(s1, i) + take(s2, j), ids

    def select(self, s1, s2, k):
        return Selection(*super().choose(s1, s2, k))


name, profiles, forward, select, gradients = Mutant.parts()
