"""Sub-keys and queries of a product-key memory get no gradient."""

import numpy as np
from _comparing import ComparingBackend

CLAUSE, STAGE = "PKM-4", "gradient"


class Mutant(ComparingBackend):
    def memory_backward(self, r):
        grads = super().memory_backward(r)
        return {name: grad if name == "values" else np.zeros_like(grad) for name, grad in grads.items()}


name, profiles, forward, comparison, comparison_gradients = Mutant.as_backend()
