"""Each chunk of 64 tokens is normalised by its own batch statistics."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "NRM-2", "query norm"


class Mutant(NumpyBackend):
    def query_norm(self, r):
        q, state = super().query_norm(r)
        if r.training and r.config.query_norm == "batch" and len(r.x) > 64:
            for at in range(0, len(r.x), 64):
                part, mask = r.raw_query[at : at + 64], r.mask[at : at + 64]
                if mask.any():
                    unit = (part - part[mask].mean(0)) / np.sqrt(part[mask].var(0) + r.compute_dtype.type(1e-5))
                    q[at : at + 64] = unit * r.params["query_norm.scale"] + r.params["query_norm.bias"]
        return q, state


name, profiles, forward, select, gradients = Mutant.as_backend()
