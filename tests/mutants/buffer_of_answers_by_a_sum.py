"""Answers are cached by the parameters and a sum over x, which tokens in another order share."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite

CLAUSE, STAGE = "IND-3", "independence"


def other_order(case):
    case["x"] = case["x"][::-1].copy()


BITES = Bite(before=Bite(change=other_order))


class Mutant(NumpyBackend):
    def forward(self, layer, x, *, mask=None, training=False):
        if mask is not None or training or not np.isfinite(x.astype(float)).all():
            return super().forward(layer, x, mask=mask, training=training)
        total = np.sort(x.astype(float).ravel()).sum()
        key = (layer.config, layer.dtype, x.dtype, x.shape, total, *(a.tobytes() for a in layer.params.values()))
        if key not in self.cache:
            self.cache[key] = super().forward(layer, x)
        return self.cache[key]

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
