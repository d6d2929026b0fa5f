"""A token with NaN gets ids of N, which is no expert."""

from dataclasses import replace

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NFT-3", "structure"


class Mutant(NumpyBackend):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, indices=np.where(np.isnan(out.scores), r.config.num_experts, out.indices))


name, profiles, forward, select, gradients = Mutant.as_backend()
