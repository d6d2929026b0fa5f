"""The h·d features of the query are read as [d, h]."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        return np.swapaxes(q.reshape(len(q), q.shape[2], q.shape[1]), 1, 2)


name, profiles, forward, select, gradients = Mutant.as_backend()
