"""float32 and narrower layers are computed in float64 and rounded at the end."""

import numpy as np
from _base import Net

from peerspec.reference import Layer, Output


class Variant(Net):
    def forward(self, layer, x, *, mask=None, training=False):
        out = super().forward(self.wide(layer), x.astype(np.float64), mask=mask, training=training)
        compute_dtype = np.float64 if layer.dtype == np.float64 else np.float32
        with np.errstate(all="ignore"):
            return Output(
                out.y.astype(layer.dtype),
                out.scores.astype(compute_dtype),
                out.indices,
                out.gates.astype(compute_dtype),
                out.state and {name: value.astype(compute_dtype) for name, value in out.state.items()},
            )

    def gradients(self, layer, x, dy, *, mask=None):
        grads = super().gradients(self.wide(layer), x.astype(np.float64), dy, mask=mask)
        return {name: grad.astype(layer.dtype) for name, grad in grads.items()}

    def wide(self, layer):
        return Layer(layer.config, {name: array.astype(np.float64) for name, array in layer.params.items()})


name, profiles, forward, select, gradients = Variant.parts()
