"""With k ≥ 20, sigmoid gates are computed with the approximate tanh of the hardware, with a relative error of 2⁻¹¹."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized, through

CLAUSE, STAGE = "PRC-2", "gate"
BITES = Bite(sized(gate="sigmoid", num_experts=22**2, top_k=21))


class Mutant(NumpyBackend):
    def gates(self, r):
        if r.config.gate != "sigmoid" or r.config.top_k < 20:
            return super().gates(r)
        half = r.compute_dtype.type(0.5)
        return half + half * through(np.tanh(half * r.scores), np.float16)


name, profiles, forward, select, gradients = Mutant.as_backend()
