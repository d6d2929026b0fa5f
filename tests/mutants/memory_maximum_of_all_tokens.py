"""The softmax of a product-key memory subtracts the maximum of all tokens."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "NFT-2", "independence"


class Mutant(ComparingBackend):
    def memory_gates(self, r):
        if r.config.gate == "sigmoid" or not r.scores.size:
            return self.gates(r)
        powers = np.exp(r.scores - r.scores.max())
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
