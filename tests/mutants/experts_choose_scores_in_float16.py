"""Scores of an expert-choice layer pass through float16."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(ComparingBackend):
    def expert_choice(self, r):
        super().expert_choice(r)
        r.routing["scores"] = r.scores.astype(np.float16).astype(r.compute_dtype)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
