"""Gradients of a product-key memory are those of the tokens of the last call for y."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-3", "independence"


class Mutant(ComparingBackend):
    def comparison(self, layer, x, *, mask=None, training=False):
        self.last = x.copy()
        return super().comparison(layer, x, mask=mask, training=training)

    def comparison_gradients(self, layer, x, dy, *, mask=None, training=True):
        if layer.config.kind == "pkm" and self.last.shape == x.shape and self.last.dtype == x.dtype:
            x = self.last
        return super().comparison_gradients(layer, x, dy, mask=mask, training=training)

    last = np.zeros(0)


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
