"""W is read as [h, D, d]."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "QRY-1", "query"


class Mutant(Net):
    def query(self, r):
        weight = r.params["query.weight"]
        return np.einsum("hdc,td->thc", weight.reshape(len(weight), weight.shape[2], weight.shape[1]), r.x)


name, profiles, forward, select, gradients = Mutant.parts()
