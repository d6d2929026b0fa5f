"""Terms are added from the largest magnitude to the smallest, which is the worst order."""

import numpy as np
from _base import Summed, take


class Variant(Summed):
    def reduce(self, a, b):
        terms = a * b
        terms = take(terms, np.argsort(-np.abs(terms), -1, kind="stable"))
        return np.add.accumulate(terms, -1)[..., -1] if terms.size else terms.sum(-1)


name, profiles, forward, select, gradients = Variant.as_backend()
