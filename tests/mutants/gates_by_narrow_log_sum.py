"""The logarithm of the sum, which gates subtract from the scores, is kept in float16."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        most = scores.max(-1, keepdims=True)
        log_sum = most + np.log(np.exp(scores - most).sum(-1, keepdims=True))
        return np.exp(scores - log_sum.astype(np.float16).astype(scores.dtype))


name, profiles, forward, select, gradients = Mutant.as_backend()
