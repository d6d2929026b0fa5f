"""In mixed precision the gradient of x has the dtype of the parameters."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-6", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        return {name: grad.astype(layer.dtype) for name, grad in super().gradients(layer, x, dy, **options).items()}


name, profiles, forward, select, gradients = Mutant.as_backend()
