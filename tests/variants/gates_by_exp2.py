"""exp is computed as 2 to the power of a·log₂e, as on GPUs."""

import numpy as np
from _base import NumpyBackend


class Variant(NumpyBackend):
    def softmax(self, scores):
        powers = np.exp2((scores - scores.max(-1, keepdims=True)) * scores.dtype.type(np.log2(np.e)))
        return powers / powers.sum(-1, keepdims=True)


name, profiles, forward, select, gradients = Variant.as_backend()
