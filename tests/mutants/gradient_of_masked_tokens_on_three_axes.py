"""In training with a batch norm and x of four axes, tokens that do not count contribute nothing to v."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "GRD-7", "gradient"
BITES = Bite(sized(query_norm="batch"), (2, 3, 2), masked=True, training=True, gradients=True)


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, *, mask=None, training=True):
        grads = super().gradients(layer, x, dy, mask=mask, training=training)
        if x.ndim > 3 and mask is not None and training and layer.config.query_norm == "batch":
            counted = super().gradients(layer, x, dy * mask[..., None], mask=mask, training=training)
            grads["experts.v"] = counted["experts.v"]
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
