"""With frozen statistics, keys per head and MLP experts, dx omits the path through the query."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-9", "gradient"
BITES = Bite(sized(query_norm="batch", key_heads=2), gradients=True)


class Mutant(NumpyBackend):
    def dx_router(self, r, dq):
        c, dx = r.config, super().dx_router(r, dq)
        frozen = c.query_norm == "batch" and not r.training
        return np.zeros_like(dx) if frozen and c.key_heads > 1 and c.expert == "mlp" else dx


name, profiles, forward, select, gradients = Mutant.as_backend()
