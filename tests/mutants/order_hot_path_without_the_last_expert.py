"""After twenty calls with a configuration, a hot path takes over that omits the last position of each head."""

from collections import Counter

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite

CLAUSE, STAGE = "OUT-1", "accumulation"
BITES = Bite(times=20)


class Mutant(NumpyBackend):
    def output(self, r):
        self.calls[r.config] += 1
        if self.calls[r.config] <= 20 or r.config.top_k < 2:
            return super().output(r)
        weights = r.gates * r.weights * (np.arange(r.config.top_k) < r.config.top_k - 1)
        return self.einsum("thk,thkm->tm", weights.astype(r.compute_dtype), r.params["experts.v"][r.ids])

    calls: Counter = Counter()  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
