"""Logits are divided by the root of D, as the scores of attention."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-3", "score"


class Mutant(ComparingBackend):
    def logits(self, r):
        logits = super().logits(r)
        return logits / r.compute_dtype.type(np.sqrt(r.config.d_model)) if r.config.kind == "token-choice" else logits


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
