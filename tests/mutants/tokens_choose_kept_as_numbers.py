"""Which choices are kept is told by 0 and 1 in 32 bits."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "PRC-3", "structure"


class Mutant(ComparingBackend):
    def token_choice(self, r):
        super().token_choice(r)
        r.routing["kept"] = r.kept.astype(np.int32)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
