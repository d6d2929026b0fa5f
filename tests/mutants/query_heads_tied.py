"""Every head uses the query map of head 0."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(Net):
    def query(self, r):
        return np.repeat(super().query(r)[:, :1], r.config.heads, 1)


name, profiles, forward, select, gradients = Mutant.parts()
