"""A token of zeros is skipped as padding, though a query bias gives it scores."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "QRY-1", "query"


def one_zero(case):
    case["x"][3] = 0


BITES = Bite(sized(query_bias=True), change=one_zero)


class Mutant(NumpyBackend):
    def query(self, r):
        q = super().query(r)
        return np.where(r.x.any(-1)[:, None, None], q, q.dtype.type(0))


name, profiles, forward, select, gradients = Mutant.as_backend()
