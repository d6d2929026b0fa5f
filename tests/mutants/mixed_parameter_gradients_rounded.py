"""In mixed precision the gradients of parameters pass through the dtype of x."""

from _numpy_backend import NumpyBackend

CLAUSE, STAGE = "PRC-2", "gradient"


class Mutant(NumpyBackend):
    def gradients(self, layer, x, dy, **options):
        found = super().gradients(layer, x, dy, **options)
        return {name: grad.astype(x.dtype).astype(grad.dtype) for name, grad in found.items()}


name, profiles, forward, select, gradients = Mutant.as_backend()
