"""From 16 tokens on, a mask without a False goes to a library, whose running variance takes the unbiased variance.

Wrong on: query norm `batch`, training, T = 20, mask = all True: query_norm.var of the state.
"""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-4", "query norm"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        self.full = mask is not None and mask.size >= 16 and bool(mask.all())
        return super().run(layer, x, mask, training)

    def running_statistics(self, r, mean, var):
        count = int(r.mask.sum())
        return super().running_statistics(r, mean, var * (count / max(1, count - 1)) if self.full else var)


name, profiles, forward, select, gradients = Mutant.as_backend()
