"""Old rows are copied to row numbers of 16 bits, so those beyond row 65,535 of the grown table land in front.

Wrong on: a layer of n = 240 (D = M = 1) grown to n′ = 300.
"""

import numpy as np
from _growing import GrowingBackend

from peerspec.reference import grown_ids

CLAUSE, STAGE = "GRW-1", "parameters"


class Mutant(GrowingBackend):
    def table(self, name, old, new, array, seed):
        found = super().table(name, old, new, array, seed)
        ids = np.asarray(grown_ids(old.n, new.n))
        far = ids > 65535
        found[ids[far]] = 0
        found[ids[far] & 65535] = array[far]
        return found


name, profiles, forward, select, gradients, grow = Mutant.as_backend()
