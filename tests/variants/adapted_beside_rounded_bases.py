"""Base and change are each rounded to the dtype of x before they are added, and so are the parts of dx."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "mutants"))

from _adapting import AdaptingBackend


class Variant(AdaptingBackend):
    def adapt(self, adapter, bases, x, *, training=False):
        self.narrow = x.dtype
        return super().adapt(adapter, bases, x, training=training)

    def adapter_gradients(self, adapter, bases, x, dy, *, training=True):
        self.narrow = x.dtype
        return super().adapter_gradients(adapter, bases, x, dy, training=training)

    def base(self, base, x):
        product = super().base(base._replace(bias=None), x).astype(self.narrow)
        return (product if base.bias is None else product + base.bias).astype(np.float64)

    def change(self, adapter, target, x, ids, gate):
        return super().change(adapter, target, x, ids, gate).astype(self.narrow).astype(np.float64)

    def dx_of_base(self, base, dy):
        return super().dx_of_base(base, dy).astype(self.narrow).astype(np.float64)

    def dx_of_change(self, adapter, gate, z, u):
        return super().dx_of_change(adapter, gate, z, u).astype(self.narrow).astype(np.float64)

    def through(self, dx):
        return dx.astype(self.narrow).astype(np.float64)


name, profiles, forward, select, gradients, adapt, adapter_gradients = Variant.as_backend()
