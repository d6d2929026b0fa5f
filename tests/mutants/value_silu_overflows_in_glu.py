"""GLU experts compute silu as a·exp(a)/(1 + exp(a)), which overflows."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "EXP-2", "expert"


def far_products(case):
    case["experts.w"] *= 2.0**9


BITES = Bite(sized(expert="glu", activation="silu"), change=far_products)


class Mutant(NumpyBackend):
    def expert_weights(self, r):
        weights = super().expert_weights(r)
        if (r.config.expert, r.config.activation) != ("glu", "silu"):
            return weights
        a = r.products["w"]
        return a * np.exp(a) / (1 + np.exp(a)) * r.products["u"]


name, profiles, forward, select, gradients = Mutant.as_backend()
