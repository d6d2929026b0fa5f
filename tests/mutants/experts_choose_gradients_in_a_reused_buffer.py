"""Gradients of an expert-choice layer lie in buffers that the next call of the same shapes uses again."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "IND-4", "independence"


class Mutant(ComparingBackend):
    def comparison_gradients(self, layer, x, dy, *, mask=None, training=True):
        found = super().comparison_gradients(layer, x, dy, mask=mask, training=training)
        if layer.config.kind == "expert-choice":
            stored = self.__dict__.setdefault("stored", {})
            for name, part in found.items():
                buffer = stored.setdefault((name, part.shape, part.dtype), np.empty_like(part))
                buffer[...] = part
                found[name] = buffer
        return found


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
