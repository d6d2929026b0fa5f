"""A float64 layer is computed in float32."""

import numpy as np
from _numpy_backend import NumpyBackend

from peerspec.reference import Layer, compute_dtype

CLAUSE, STAGE = "PRC-2", "score"


class Mutant(NumpyBackend):
    def run(self, layer, x, mask, training):
        r = super().run(self.narrow(layer), x.astype(np.float32), mask, training)
        r.layer, r.input_dtype = layer, x.dtype
        for name in ("scores", "gates"):
            setattr(r, name, getattr(r, name).astype(compute_dtype(layer.dtype)))
        r.state = r.state and {name: value.astype(r.gates.dtype) for name, value in r.state.items()}
        return r

    def narrow(self, layer):
        return Layer(layer.config, {name: array.astype(np.float32) for name, array in layer.params.items()})


name, profiles, forward, select, gradients = Mutant.as_backend()
