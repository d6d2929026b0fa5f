"""From 24 tokens on, the sum over pairs begins with the experts that most tokens of the batch select."""

import numpy as np
from _numpy_backend import NumpyBackend
from _numpy_functions import take
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-1", "independence"
BITES = Bite(sized(heads=4, top_k=8, num_experts=49), (32,))


class Mutant(NumpyBackend):
    def output(self, r):
        if len(r.x) < 24:
            return super().output(r)
        ids = r.ids.reshape(len(r.x), -1)
        popular = np.bincount(ids.ravel(), minlength=r.config.num_experts)
        order = np.argsort(-popular[ids], -1, kind="stable")
        weights = take((r.gates * r.weights).reshape(ids.shape), order)
        y = np.zeros((len(r.x), r.config.d_out), r.compute_dtype)
        for weight, id in zip(weights.T, take(ids, order).T, strict=True):
            y += weight[:, None] * r.params["experts.v"][id]
        return y


name, profiles, forward, select, gradients = Mutant.as_backend()
