"""Where h = k, the softmax subtracts the maximum along the wrong axis."""

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "GAT-1", "gate"


class Mutant(NumpyBackend):
    def softmax(self, scores):
        top = scores.max(-1)
        top = top[:, None, :] if scores.shape[1] == scores.shape[2] else top[..., None]
        powers = np.exp(scores - top)
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Mutant.as_backend()
