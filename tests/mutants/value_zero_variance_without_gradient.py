"""Where the variance of a query is 0, the reciprocal root in the backward pass of the layer norm is 0, and not 1/√ε."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-1", "gradient"


def equal_features(case):
    case["query.weight"] = case["query.weight"][:, :1].repeat(4, 1)


BITES = Bite(sized(query_norm="layer", d_key=4, num_experts=4, top_k=3), gradients=True, change=equal_features)


class Mutant(NumpyBackend):
    def norm_backward(self, r, dq, grads):
        dr = super().norm_backward(r, dq, grads)
        if r.config.query_norm != "layer":
            return dr
        return np.where(r.raw_query.var(-1, keepdims=True) == 0, dr.dtype.type(0), dr)


name, profiles, forward, select, gradients = Mutant.as_backend()
