"""relu saturates at 65,504, the largest number of float16."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite

CLAUSE, STAGE = "OUT-1", "accumulation"


def far_products(case):
    case["experts.u"] *= 2.0**17


BITES = Bite(change=far_products)


class Mutant(NumpyBackend):
    def activate(self, kind, a):
        found = super().activate(kind, a)
        return np.minimum(found, a.dtype.type(65504)) if kind == "relu" else found


name, profiles, forward, select, gradients = Mutant.as_backend()
