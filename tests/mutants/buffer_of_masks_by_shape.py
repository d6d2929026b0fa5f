"""The backward pass uses the first mask that it saw for a layer and a shape of x."""

import numpy as np
from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "IND-3", "gradient"


def other_mask(case):
    case["mask"] = np.roll(case["mask"], 1)


NORM = sized(query_norm="batch")
BITES = Bite(
    NORM,
    masked=True,
    training=True,
    gradients=True,
    before=Bite(NORM, masked=True, training=True, change=other_mask),
)


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        if mask is not None:
            mask = self.masks.setdefault((layer.config, layer.dtype, x.shape), mask.copy())
        return super().gradients(layer, x, dy, mask=mask, training=training)

    masks: dict[object, object] = {}  # noqa: RUF012  (shared by all calls)


name, profiles, forward, select, gradients = Mutant.as_backend()
