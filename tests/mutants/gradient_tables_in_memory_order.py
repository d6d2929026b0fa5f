"""The backward pass reads v in memory order, so an array in column order is scrambled."""

import numpy as np
from _numpy_backend import NumpyBackend

from peerspec.reference import Layer

CLAUSE, STAGE = "PAR-1", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        v = layer.params["experts.v"]
        flat = np.ascontiguousarray(v.ravel(order="K").reshape(v.shape))
        return super().gradients(Layer(layer.config, dict(layer.params) | {"experts.v": flat}), x, dy, **options)


name, profiles, forward, select, gradients = Mutant.as_backend()
