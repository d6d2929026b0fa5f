"""exp is a polynomial approximation with a relative error of 10⁻⁵."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        a = np.maximum(scores - scores.max(-1, keepdims=True), -80) / scores.dtype.type(np.log(2))
        whole = np.floor(a)
        t = (a - whole) * scores.dtype.type(np.log(2))
        powers = np.ldexp(1 + t * (1 + t * (1 / 2 + t * (1 / 6 + t * (1 / 24 + t / 110)))), whole.astype(int))
        return (powers / powers.sum(-1, keepdims=True)).astype(scores.dtype)


name, profiles, forward, select, gradients = Mutant.as_backend()
