"""From 320 tokens on, contributions to rows of u are rounded to bfloat16 before they are added."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through
from ml_dtypes import bfloat16

CLAUSE, STAGE = "PRC-2", "gradient"
BITES = Bite(sized(d_model=3, num_experts=30**2), (330,), gradients=True)


class Mutant(NumpyBackend):
    def scatter_sum(self, r, name, weights, rows):
        if name == "u" and len(rows) >= 320:
            weights = through(weights, bfloat16)
        return super().scatter_sum(r, name, weights, rows)


name, profiles, forward, select, gradients = Mutant.as_backend()
