"""The softmax of logits subtracts no maximum, so large logits overflow."""

import numpy as np
from _comparing import ComparingBackend
from _numpy_functions import take

CLAUSE, STAGE = "TCM-4", "gate"


class Mutant(ComparingBackend):
    def choice_gates(self, r):
        powers = np.exp(r.logits)
        chosen = take(powers, r.ids)
        return chosen / (chosen if r.config.gate == "softmax_after" else powers).sum(-1, keepdims=True)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
