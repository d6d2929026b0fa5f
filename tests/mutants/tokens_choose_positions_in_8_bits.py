"""The place of a token in the queue of an expert is counted in 8 bits."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "TCM-5", "selection"


class Mutant(ComparingBackend):
    def kept(self, r):
        kept, used = np.zeros(r.ids.shape, bool), np.zeros(r.config.num_experts, np.uint8)
        for token, position in self.queue(r):
            if r.computed[token]:
                e = r.ids[token, position]
                kept[token, position] = used[e] < self.places(r)
                used[e] += 1
        return kept


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
