"""A dense layer computes at most 1024 neurons, as many as one block of threads."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "DNS-3", "expert"


class Mutant(ComparingBackend):
    def tables(self, r, e):
        found = super().tables(r, e)
        return {name: table[:1024] for name, table in found.items()} if r.config.kind == "dense" else found

    def blocks_backward(self, r):
        grads = super().blocks_backward(r)
        for name, array in r.params.items():
            if r.config.kind == "dense":
                grads[name] = np.concatenate([grads[name], np.zeros_like(array[1024:])])
        return grads


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
