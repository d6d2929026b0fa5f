"""The running count of the tokens of an expert is that of a block of 1024 tokens, and is not carried on to the next
block.

Wrong on: token-choice, E = 2, k = 1, capacity 600, T = 1500.
"""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "selection"


class Mutant(ComparingBackend):
    def kept(self, r):
        kept, used = np.zeros(r.ids.shape, bool), np.zeros(r.config.num_experts, int)
        for token, position in self.queue(r):
            if token == 0:
                start = used.copy()
            elif token % 1024 == 0:
                used = start.copy()
            e = r.ids[token, position]
            if r.computed[token] and used[e] < self.places(r):
                kept[token, position] = True
                used[e] += 1
        return kept


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
