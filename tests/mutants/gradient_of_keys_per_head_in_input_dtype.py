"""In mixed precision, the gradient of keys per head is returned in the dtype of x."""

from _numpy_backend import NumpyBackend
from _shaped import Bite, sized

CLAUSE, STAGE = "PRC-6", "gradient"
BITES = Bite(sized(key_heads=2), precision="mixed-bfloat16", gradients=True)


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        grads = super().gradients(layer, x, dy, **options)
        if layer.config.key_heads > 1:
            grads["keys"] = grads["keys"].astype(x.dtype)
        return grads


name, profiles, forward, select, gradients = Mutant.as_backend()
