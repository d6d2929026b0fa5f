"""A token of NaN gets ids of N."""

from dataclasses import replace

import numpy as np
from _layer import Net

CLAUSE, STAGE = "NFT-3", "structure"


class Mutant(Net):
    def answer(self, r, lead):
        out = super().answer(r, lead)
        return replace(out, indices=np.where(np.isnan(out.scores), r.config.num_experts, out.indices))


name, profiles, forward, select, gradients = Mutant.parts()
