"""The router of a token-choice layer computes in float16."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(ComparingBackend):
    def logits(self, r):
        if r.config.kind != "token-choice":
            return super().logits(r)
        return (r.x.astype(np.float16) @ r.params["router.weight"].T.astype(np.float16)).astype(r.compute_dtype)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
