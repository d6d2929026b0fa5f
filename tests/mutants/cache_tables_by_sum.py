"""Parameters are cached by configuration and by the sum of each, which an exchange of two entries does not change."""

import math

import numpy as np
from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        sums = [math.fsum(np.ravel(array).astype(float)) for array in layer.params.values()]
        cached = self.cache.setdefault((layer.config, layer.dtype, *sums), layer)
        return super().run(cached, x, mask, training)

    cache: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
