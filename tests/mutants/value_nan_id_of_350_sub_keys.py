"""With n > 340, a token with NaN gets the id N, which no expert has."""

from dataclasses import replace

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "NFT-3", "structure"


def one_nan(case):
    case["x"][2, 1] = np.nan


BITES = Bite(sized(num_experts=350**2), change=one_nan)


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        lost = np.isnan(out.scores) & (r.config.n > 340)
        return replace(out, indices=np.where(lost, r.config.num_experts, out.indices))


name, profiles, forward, select, gradients = Mutant.as_backend()
