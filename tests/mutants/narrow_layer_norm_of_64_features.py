"""In a bfloat16 layer with d ≥ 64, the layer norm writes the query in bfloat16, as library kernels do.

Wrong on: bfloat16, query norm `layer`, d = 64, T = 6.
"""

import ml_dtypes
import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import through

CLAUSE, STAGE = "NRM-6", "query norm"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        q, state = super().query_norm(r)
        narrow = (
            r.config.query_norm == "layer" and r.config.d_key >= 64 and r.layer.dtype == np.dtype(ml_dtypes.bfloat16)
        )
        return (through(q, ml_dtypes.bfloat16) if narrow else q), state


name, profiles, forward, select, gradients = Mutant.as_backend()
