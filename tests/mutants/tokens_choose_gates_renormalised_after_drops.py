"""Where a choice is dropped, the gates of the other choices are divided by their sum."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "expert"


class Mutant(ComparingBackend):
    def combined(self, r):
        if r.config.kind == "token-choice":
            kept = np.where(r.chosen, r.gate, 0).sum(-1, keepdims=True)
            whole = r.gate.sum(-1, keepdims=True)
            r.gate = r.gate * np.where(kept > 0, whole / kept, 1)
        return super().combined(r)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
