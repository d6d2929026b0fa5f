"""gelu is a table for |a| < 10, whose index of NaN is the first."""

import numpy as np
from _layer import Net

CLAUSE, STAGE = "NFT-1", "non-finite"


class Mutant(Net):
    def activate(self, kind, a):
        y = super().activate(kind, a)
        return np.where(np.isnan(a), 0, y).astype(a.dtype) if kind == "gelu" else y

    def softmax(self, scores):
        return super().softmax(scores) if scores.shape[-1] > 1 else np.ones_like(scores)


name, profiles, forward, select, gradients = Mutant.parts()
