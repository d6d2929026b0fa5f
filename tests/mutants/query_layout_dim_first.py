"""The h·d query features are taken apart as [d, h]."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(Net):
    def query(self, r):
        q = super().query(r)
        return np.swapaxes(q.reshape(len(q), q.shape[2], q.shape[1]), 1, 2)


name, profiles, forward, select, gradients = Mutant.parts()
