"""select() sorts float32 copies whatever the compute dtype."""

import numpy as np
from _layer import Net, take

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(Net):
    def select(self, s1, s2, k):
        _, ids = self.choose(s1.astype(np.float32), s2.astype(np.float32), k)
        return Selection(take(s1, ids // s1.shape[-1]) + take(s2, ids % s1.shape[-1]), ids)


name, profiles, forward, select, gradients = Mutant.parts()
