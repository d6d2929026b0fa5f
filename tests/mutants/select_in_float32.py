"""select() ranks half scores rounded to float32."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import take

from peerspec.reference import Selection

CLAUSE, STAGE = "SEL-2", "tie"


class Mutant(NumpyBackend):
    def select(self, s1, s2, k):
        _, ids = self.selection(s1.astype(np.float32), s2.astype(np.float32), k)
        return Selection(take(s1, ids // s1.shape[-1]) + take(s2, ids % s1.shape[-1]), ids)


name, profiles, forward, select, gradients = Mutant.as_backend()
